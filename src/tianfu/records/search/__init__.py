"""Search: from a request's parameters to one SQL statement (https://hl7.org/fhir/R4/search.html)."""
