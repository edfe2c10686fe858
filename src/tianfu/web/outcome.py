"""A refusal as an HTTP status and an OperationOutcome (https://hl7.org/fhir/R4/operationoutcome.html).

Sentences come from the catalogues of phrases; the stable code travels beside them, and so does the number
under which the moment stands in the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tianfu.kernel.refusal import Fault, Refusal
from tianfu.web.languages import Language

CODE_SYSTEM = "urn:tianfu:refusal"
"""The system of our stable codes in `OperationOutcome.issue.details`."""

FAULTS_SHOWN_MAX = 100
"""A broken document can have thousands of faults; the first hundred say enough."""

UNEXPECTED = 500
OTHERWISE = 422
"""The status of a refusal that has none of its own: understood, and not done."""

STATUSES: Mapping[str, int] = {
    "not-found": 404,
    "case-unknown": 404,
    "delivery-unknown": 404,
    "work-unknown": 404,
    "gone": 410,
    "address-unknown": 404,
    "address-not-ours": 404,
    "address-too-old": 410,
    "invitation-over": 410,
    "too-large": 413,
    "resource-type-unknown": 404,
    "operation-unknown": 404,
    "type-unknown": 404,
    "address-too-long": 414,
    "method-not-allowed": 405,
    "audit-trail-read-only": 405,
    "audit-trail-apart": 400,
    "audit-heads-not-written": 503,
    "format-not-offered": 406,
    "format-not-taken": 415,
    "encoding-not-taken": 415,
    "body-too-large": 413,
    "answer-too-large": 413,
    "body-too-slow": 408,
    "body-missing": 400,
    "header-malformed": 400,
    "headers-too-large": 431,
    "id-in-address-differs": 400,
    "id-differs-from-match": 400,
    "type-in-address-differs": 400,
    "id-malformed": 400,
    "host-not-ours": 403,
    "sent-by-another-site": 403,
    "not-allowed": 403,
    "consent-not-yours": 422,
    "consent-unclear": 422,
    "referral-not-yours": 403,
    "visit-not-yours": 403,
    "consultation-not-yours": 403,
    "expert-not-yours": 403,
    "approval-not-yours": 403,
    "pause-not-yours": 403,
    "emergency-not-yours": 403,
    "proxy-not-yours": 403,
    "proxy-not-of-age": 403,
    "too-many-proxies": 409,
    "proxy-declined-often": 409,
    "proxy-unusable": 422,
    "emergency-not-now": 422,
    "emergency-without-notice": 422,
    "emergency-patient-missing": 422,
    "emergency-owner-missing": 422,
    "emergency-reason-missing": 422,
    "emergency-time-missing": 422,
    "emergency-too-long": 422,
    "role-cannot-do-this": 403,
    "scope-insufficient": 403,
    "scope-not-understood": 400,
    "sign-in-needed": 401,
    "identity-number-form": 422,
    "identity-number-date": 422,
    "identity-number-check": 422,
    "real-name-missing": 422,
    "real-name-not-found": 422,
    "document-not-seen": 422,
    "token-missing": 401,
    "token-refused": 401,
    "token-expired": 401,
    "token-ended": 401,
    "token-scope-missing": 403,
    "grant-missing": 401,
    "publish-credential-refused": 401,
    "encoder-unfit": 422,
    "encoder-listens": 422,
    "grant-refused": 401,
    "grant-expired": 401,
    "grant-used": 401,
    "grant-revoked": 401,
    "grant-other-action": 403,
    "grant-other-visit": 403,
    "grant-other-camera": 403,
    "grant-other-device": 403,
    "device-proof-missing": 401,
    "device-proof-refused": 401,
    "device-key-malformed": 422,
    "connection-unknown": 404,
    "connection-changed": 412,
    "connection-tag-missing": 428,
    "offer-not-open": 409,
    "server-offers": 409,
    "voice-with-picture": 409,
    "nobody-hears": 409,
    "voice-not-carried": 409,
    "media-ports-exhausted": 503,
    "restart-not-taken": 409,
    "pulling-not-taken": 503,
    "offer-malformed": 400,
    "answer-malformed": 400,
    "fragment-malformed": 400,
    "no-common-codec": 422,
    "camera-away": 503,
    "room-unknown": 404,
    "room-closed": 410,
    "room-exists": 409,
    "nurse-at-capacity": 409,
    "not-in-room": 404,
    "already-in-room": 409,
    "media-unavailable": 503,
    "media-failed": 503,
    "role-of-development": 403,
    "sign-in-refused": 401,
    "sign-in-closed": 429,
    "sign-in-busy": 503,
    "step-over": 401,
    "session-over": 401,
    "session-unknown": 404,
    "outside-refused": 401,
    "outside-denied": 403,
    "outside-not-linked": 403,
    "outside-linked": 409,
    "outside-busy": 503,
    "outside-unreachable": 503,
    "proof-too-old": 401,
    "method-not-yours": 403,
    "second-factor-missing": 403,
    "code-wrong": 422,
    "code-not-sent": 503,
    "codes-used-up": 429,
    "code-sender-missing": 500,
    "notice-carrier-missing": 500,
    "number-malformed": 422,
    "number-taken": 409,
    "account-unknown": 404,
    "workplace-unknown": 404,
    "workplace-missing": 403,
    "credential-unknown": 404,
    "too-many-credentials": 409,
    "passkey-known": 409,
    "passkey-not-set-up": 422,
    "passkey-refused": 401,
    "password-too-short": 422,
    "password-too-long": 422,
    "password-of-yourself": 422,
    "password-common": 422,
    "role-not-given": 422,
    "two-offices": 409,
    "office-stands-alone": 409,
    "appointing-not-yours": 403,
    "not-below-you": 403,
    "appointing-oneself": 403,
    "appointed-already": 409,
    "changed-meanwhile": 409,
    "record-unknown": 404,
    "organisation-too-large": 422,
    "purpose-missing": 400,
    "purpose-unknown": 400,
    "purpose-not-allowed": 403,
    "version-conflict": 412,
    "condition-matches-several": 412,
    "condition-missing": 400,
    "condition-empty": 400,
    "id-not-usable": 409,
    "json-invalid": 400,
    "json-too-deep": 400,
    "json-duplicate-key": 400,
    "not-a-resource": 400,
    "resource-invalid": 422,
    "bundle-invalid": 400,
    "bundle-too-long": 413,
    "cursor-invalid": 400,
    "search-parameter-unknown": 400,
    "search-parameter-not-indexed": 503,
    "search-not-supported": 400,
    "search-not-understood": 400,
    "search-modifier-not-allowed": 400,
    "search-value-malformed": 400,
    "too-many-found": 422,
    "search-too-large": 400,
    "too-many-requests": 429,
    "too-busy": 503,
    "audit-queue-full": 503,
    "database-unavailable": 503,
    "deadline-passed": 503,
    "disk-full": 507,
    "document-unknown": 404,
    "document-lost": 500,
    "document-damaged": 500,
    "document-too-large": 413,
    "documents-not-kept": 503,
    "body-unreadable": 500,
    "field-not-authentic": 500,
    "key-unknown": 500,
    "key-not-unwrapped": 500,
    "key-used-up": 503,
    "unexpected": UNEXPECTED,
}

_ISSUE_TYPES: Mapping[str, str] = {
    "not-found": "not-found",
    "gone": "deleted",
    "address-unknown": "not-found",
    "resource-type-unknown": "not-supported",
    "operation-unknown": "not-supported",
    "method-not-allowed": "not-supported",
    "audit-trail-read-only": "not-supported",
    "audit-trail-apart": "not-supported",
    "audit-heads-not-written": "transient",
    "format-not-offered": "not-supported",
    "format-not-taken": "not-supported",
    "search-not-supported": "not-supported",
    "body-too-large": "too-long",
    "bundle-too-long": "too-long",
    "address-too-long": "too-long",
    "search-too-large": "too-costly",
    "not-allowed": "forbidden",
    "role-cannot-do-this": "forbidden",
    "scope-insufficient": "forbidden",
    "sign-in-needed": "login",
    "token-missing": "login",
    "token-refused": "login",
    "token-expired": "expired",
    "token-ended": "expired",
    "token-scope-missing": "forbidden",
    "role-of-development": "forbidden",
    "session-over": "expired",
    "step-over": "expired",
    "sign-in-refused": "login",
    "sign-in-closed": "throttled",
    "purpose-not-allowed": "forbidden",
    "host-not-ours": "forbidden",
    "sent-by-another-site": "forbidden",
    "version-conflict": "conflict",
    "condition-matches-several": "multiple-matches",
    "json-invalid": "structure",
    "json-too-deep": "structure",
    "json-duplicate-key": "structure",
    "not-a-resource": "structure",
    "deadline-passed": "timeout",
    "body-too-slow": "timeout",
    "too-many-requests": "throttled",
    "too-busy": "throttled",
    "audit-queue-full": "throttled",
    "database-unavailable": "transient",
    "search-parameter-not-indexed": "transient",
    "disk-full": "no-store",
    "document-unknown": "not-found",
    "document-lost": "exception",
    "document-damaged": "exception",
    "document-too-large": "too-long",
    "documents-not-kept": "transient",
    "unexpected": "exception",
    "body-unreadable": "exception",
    "field-not-authentic": "exception",
    "key-unknown": "exception",
    "key-not-unwrapped": "exception",
    "key-used-up": "exception",
}


def status_of(refusal: Refusal) -> int:
    """The HTTP status of a refusal."""
    return STATUSES.get(refusal.code, OTHERWISE)


def outcome_of(refusal: Refusal, *, language: Language, reference: str) -> bytes:
    """The OperationOutcome of a refusal: what happened, what was kept, what to do next, and the number in the log."""
    issues = [_main_issue(refusal, language, reference)]
    issues.extend(_fault_issue(fault, language) for fault in refusal.faults[:FAULTS_SHOWN_MAX])
    return outcome_bytes(issues, language=language)


def outcome_bytes(issues: Sequence[Mapping[str, Any]], *, language: Language) -> bytes:
    """An OperationOutcome of ready issues."""
    return orjson.dumps({"resourceType": "OperationOutcome", "language": language.tag, "issue": list(issues)})


_WARNING_TYPES: Mapping[str, str] = {"included-cut-off": "incomplete"}


def note(code: str, *, language: Language, severity: str = "information", **values: str) -> dict[str, Any]:
    """An issue that says something without being a refusal: a warning, or that all went well."""
    return {
        "severity": severity,
        "code": "informational" if severity == "information" else _WARNING_TYPES.get(code, "not-supported"),
        "details": _details(code, language.say_either(f"note.{code}", "note.unknown", **values), language),
    }


def _main_issue(refusal: Refusal, language: Language, reference: str) -> dict[str, Any]:
    sentence = sentence_of(refusal, language)
    issue: dict[str, Any] = {
        "severity": "fatal" if status_of(refusal) == UNEXPECTED else "error",
        "code": _ISSUE_TYPES.get(refusal.code, "invalid" if refusal.faults else "processing"),
        "details": _details(refusal.code, sentence, language),
        "diagnostics": _diagnostics(refusal, language, reference),
    }
    return issue


def sentence_of(refusal: Refusal, language: Language) -> str:
    """What happened, with the details that the sentence has blanks for."""
    key = f"refusal.{refusal.code}"
    if not language.has(key):
        return language.say("refusal.unknown")
    try:
        return language.say(key, **{"code": refusal.code, **refusal.details})
    except KeyError:
        # A refusal without the detail that its sentence mentions is still a refusal.
        return language.say("refusal.unknown")


def _diagnostics(refusal: Refusal, language: Language, reference: str) -> str:
    parts = [
        language.say_either(f"kept.{refusal.kept}", "kept.unknown"),
        language.say_either(f"next.{refusal.next_step}", "next.unknown"),
    ]
    if refusal.retryable:
        parts.append(language.say("outcome.retryable"))
    if len(refusal.faults) > FAULTS_SHOWN_MAX:
        parts.append(language.say("outcome.more-faults", count=len(refusal.faults) - FAULTS_SHOWN_MAX))
    shown = ", ".join(f"{name}={value}" for name, value in refusal.details.items())
    if shown:
        parts.append(f"[{shown}]")
    parts.append(language.say("outcome.reference", reference=reference))
    return " ".join(parts)


def _details(code: str, text: str, language: Language) -> dict[str, Any]:
    return {"coding": [{"system": CODE_SYSTEM, "code": code}], "text": text}


def _fault_issue(fault: Fault, language: Language) -> dict[str, Any]:
    key = f"fault.{fault.code}"
    text = language.say(key) if language.has(key) else fault.code
    said = ", ".join(f"{name}={value}" for name, value in fault.details.items())
    issue: dict[str, Any] = {
        "severity": "error",
        "code": _FAULT_TYPES.get(fault.code, "invalid"),
        "details": _details(fault.code, text, language),
        "expression": [fault.path],
    }
    if said:
        issue["diagnostics"] = said
    return issue


_FAULT_TYPES: Mapping[str, str] = {
    "element-unknown": "structure",
    "required-missing": "required",
    "code-not-in-value-set": "code-invalid",
    "faults-cut-off": "too-costly",
    "search-parameter-unknown": "not-supported",
}
