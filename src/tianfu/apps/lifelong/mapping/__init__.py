"""FHIR R4 resources as the values of this app's model.  https://hl7.org/fhir/R4/"""
