"""FHIRPath compiled to Python closures.  http://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/fhirpath.html"""
