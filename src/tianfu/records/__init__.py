"""The core: versioned FHIR record store, search, history, audit, change feed."""
