"""The shapes of FHIR resources that the scripts fill."""
