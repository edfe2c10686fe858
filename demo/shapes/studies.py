"""Imaging and other examinations: a report with its conclusion, and the ImagingStudy where pictures were kept."""

from __future__ import annotations

from hashlib import blake2b

from demo.libraries import RECOGNITION_TAG, Resource
from demo.shapes.concepts import coding, item_concept, reference
from demo.shapes.measurements import hl7_report_category
from demo.shapes.visits import Visit, write_moment
from demo.tables import table

_DICOM_MODALITIES = "http://dicom.nema.org/resources/ontology/DCM"


def examine(
    visit: Visit,
    key: str,
    *,
    conclusion: str | None = None,
    results: tuple[str, ...] = (),
    minutes: float = 90,
) -> str:
    """Write the report of an examination; without a conclusion it found one of the usual things."""
    row = table("imaging")["studies"][key]
    body: Resource = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "category": hl7_report_category("EC", "Electrocardiac (e.g., EKG, EEC, Holter)")
        if row["modality"] == "ECG"
        else hl7_report_category("RAD", "Radiology"),
        "code": item_concept(key, row, "study"),
        **visit.context,
        "effectiveDateTime": write_moment(visit, minutes),
        "issued": write_moment(visit, minutes + 60),
        "performer": [reference(visit.place.organisation, visit.place.organisation_name)],
        "conclusion": conclusion or visit.dice.pick(row["normal"]),
    }
    if results:
        body["result"] = [reference(result) for result in results]
    hospital = visit.chart.library.key != "public-health"
    if hospital and row["modality"] in ("CT", "DX", "US"):
        body["imagingStudy"] = [reference(_imaging_study(visit, row, minutes))]
    recognised = hospital and visit.dice.happens(0.5)
    return visit.chart.write(body, tags=(*visit.tags, RECOGNITION_TAG) if recognised else visit.tags)


def _imaging_study(visit: Visit, row: Resource, minutes: float) -> str:
    instances = {"CT": 120, "DX": 2, "US": 14}[row["modality"]]
    modality = coding(_DICOM_MODALITIES, row["modality"])
    found = visit.chart.library.new_reference("ImagingStudy")
    # Under 2.25 a UID is a UUID's number: nobody has to hand it out.
    digest = blake2b(f"{visit.chart.library.source}/{found}".encode(), digest_size=16).digest()
    number = int.from_bytes(digest, "big")
    body: Resource = {
        "resourceType": "ImagingStudy",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:2.25.{number}"}],
        "status": "available",
        "modality": [modality],
        **visit.context,
        "started": write_moment(visit, minutes),
        "numberOfSeries": 1,
        "numberOfInstances": instances,
        "description": row["name"],
        "series": [{"uid": f"2.25.{number + 1}", "number": 1, "modality": modality, "numberOfInstances": instances}],
    }
    return visit.chart.write(body, reference=found, tags=visit.tags)
