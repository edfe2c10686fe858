"""DICOM objects of radiotherapy as plain values: images, structure sets, plans, doses, treatment records.

https://dicom.nema.org/medical/dicom/current/output/html/part03.html
"""
