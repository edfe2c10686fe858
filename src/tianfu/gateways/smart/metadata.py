"""What this authorisation server tells of itself.

OpenID Connect Discovery 1.0; RFC 8414; https://hl7.org/fhir/smart-app-launch/conformance.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianfu.services.accounts.oauth.authentication import ASSERTION_ALGORITHMS
from tianfu.services.accounts.oauth.model.claims import ALGORITHM
from tianfu.services.accounts.oauth.model.pkce import METHOD

AUTHORISE_PATH = "/oauth/authorize"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - an address, no password
INTROSPECT_PATH = "/oauth/introspect"
REVOKE_PATH = "/oauth/revoke"
KEYS_PATH = "/oauth/jwks"
USER_PATH = "/oauth/userinfo"
OPENID_PATH = "/.well-known/openid-configuration"
OAUTH_PATH = "/.well-known/oauth-authorization-server"
SMART_SUFFIX = "/.well-known/smart-configuration"
"""Behind the address of the FHIR door."""

_SCOPES = (
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "offline_access",
    "online_access",
    "patient/*.rs",
    "user/*.cruds",
    "system/*.cruds",
)

CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "context-banner",
    "context-ehr-patient",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "sso-openid-connect",
    "authorize-post",
)


def server_metadata(issuer: str) -> Mapping[str, Any]:
    """The authorisation server's own document (RFC 8414, section 2)."""
    methods = ["none", "client_secret_basic", "private_key_jwt"]
    confidential = [each for each in methods if each != "none"]
    algorithms = list(ASSERTION_ALGORITHMS)
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORISE_PATH,
        "token_endpoint": issuer + TOKEN_PATH,
        "jwks_uri": issuer + KEYS_PATH,
        "introspection_endpoint": issuer + INTROSPECT_PATH,
        "revocation_endpoint": issuer + REVOKE_PATH,
        "userinfo_endpoint": issuer + USER_PATH,
        "scopes_supported": list(_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": [METHOD],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["zh-CN", "en"],
    }


def openid_metadata(issuer: str) -> Mapping[str, Any]:
    """The same for OpenID Connect (Discovery 1.0, section 3)."""
    return {
        **server_metadata(issuer),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["iss", "aud", "sub", "iat", "exp", "auth_time", "nonce", "at_hash", "sid", "fhirUser"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
    }


def oauth_addresses(issuer: str) -> Mapping[str, str]:
    """Where programs sign in, by the names that a CapabilityStatement has for it (SMART App Launch 2.2)."""
    paths = {"authorize": AUTHORISE_PATH, "token": TOKEN_PATH, "introspect": INTROSPECT_PATH, "revoke": REVOKE_PATH}
    return {name: issuer + path for name, path in paths.items()}


def smart_metadata(issuer: str) -> Mapping[str, Any]:
    """The same for SMART apps, told beside the FHIR door."""
    kept = {
        name: value
        for name, value in server_metadata(issuer).items()
        if not name.startswith(("introspection_endpoint_", "revocation_endpoint_", "ui_"))
    }
    return {**kept, "capabilities": list(CAPABILITIES)}
