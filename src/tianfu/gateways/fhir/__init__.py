"""The FHIR REST door (https://hl7.org/fhir/R4/http.html)."""
