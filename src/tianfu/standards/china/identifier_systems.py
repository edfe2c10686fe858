"""Identifier and code systems of Chinese health documents, as FHIR system addresses.  WS/T 500-2016, WS 364."""

from __future__ import annotations

from typing import Final

IDENTITY_NUMBER: Final = "urn:oid:2.16.156.10011.1.3"
RECORD_NUMBER: Final = "urn:oid:2.16.156.10011.1.2"
HEALTH_CARD_NUMBER: Final = "urn:oid:2.16.156.10011.1.19"
DOCUMENT_NUMBER: Final = "urn:oid:2.16.156.10011.1.1"
STAFF_NUMBER: Final = "urn:oid:2.16.156.10011.1.4"
ORGANISATION_NUMBER: Final = "urn:oid:2.16.156.10011.1.5"
OUTPATIENT_NUMBER: Final = "urn:oid:2.16.156.10011.1.11"
INPATIENT_NUMBER: Final = "urn:oid:2.16.156.10011.1.12"
MEDICAL_RECORD_NUMBER: Final = "urn:oid:2.16.156.10011.1.13"
PRESCRIPTION_NUMBER: Final = "urn:oid:2.16.156.10011.1.20"
ELECTRONIC_REQUEST_NUMBER: Final = "urn:oid:2.16.156.10011.1.24"
DEPARTMENT_NUMBER: Final = "urn:oid:2.16.156.10011.1.26"

DOCUMENT_TYPES: Final = "urn:oid:2.16.156.10011.2.4"
ETHNIC_GROUPS: Final = "urn:oid:2.16.156.10011.2.3.3.3"
SEXES: Final = "urn:oid:2.16.156.10011.2.3.3.4"
MARITAL_STATES: Final = "urn:oid:2.16.156.10011.2.3.3.5"
DIAGNOSES: Final = "urn:oid:2.16.156.10011.2.3.3.11"
