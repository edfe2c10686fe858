"""Writes what was measured to docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.places import ROOT

PAGE = ROOT / "docs" / "performance.md"

PROMISES: dict[str, tuple[str, str, str]] = {
    "import_vs_copy": ("≥ 0.10", "0.20", "import of NDJSON over plain COPY of the same lines into one jsonb column"),
    "transaction_resources_per_second": ("≥ 3,000", "6,000", "bundles posted over HTTP by 4 clients, durable, traced"),
    "crud_requests_per_second": ("≥ 1,500", "2,500", "create, read, update, delete over 16 connections, traced"),
    "read_requests_per_second": ("≥ 4,500", "7,000", "read by id over 32 connections, with an auditor that is off"),
    "timeline_ms_p95": ("≤ 15", "5", "newest 20 Observations of a random person over HTTP, traced"),
    "bytes_per_resource": ("≤ 1,300", "900", "tables, indexes, history, feed; without the trace"),
    "validated_per_second": ("≥ 30,000", "60,000", "Observations, one core"),
}
YARDSTICKS: dict[str, str] = {
    "import_resources_per_second": "import, resources per second",
    "copy_lines_per_second": "plain COPY, lines per second",
    "trivial_handler_requests_per_second": "the same server with a handler that does nothing",
    "traced_read_requests_per_second": "read by id with its trace on disk before the answer",
    "timeline_ms_p50": "newest 20 Observations, median",
}
TRUST: dict[str, tuple[str, str]] = {
    "audit_events_per_second": ("≥ 5,000", "events of reads: chained, committed, their heads on disk outside"),
    "audited_reads_per_second": ("≥ 2,500", "read by id over 128 connections by a doctor: decided in SQL, traced"),
    "read_slowdown": ("≤ 1.8", "times slower than the same read with everything open and no trace"),
    "decision_us_p99": ("≤ 500", "one whole decision in Python, microseconds"),
    "sm4_fields_per_second": ("≥ 120,000", "fields sealed by as many processes as there are cores"),
    "side_channel_leaks": ("0", "questions that tell a store with hidden records from one without"),
}
TRUST_BESIDE: dict[str, str] = {
    "core_reads_per_second": "the record core's read in the same minute",
    "read_slowdown_few_connections": "the same slowdown over 32 connections, where waits for the disk show",
    "audited_reads_few_connections": "audited reads over 32 connections",
    "read_slowdown_many_connections": "the same slowdown over 256 connections, where many share what a group costs",
    "audited_reads_many_connections": "audited reads over 256 connections",
    "decision_us_p50": "one decision, median, microseconds",
    "labels_us": "level and labels of one Encounter, microseconds",
    "relations_us": "relations of one Encounter, microseconds",
    "sm4_fields_per_second_per_process": "fields sealed by one process",
    "sm4_fields_opened_per_second_per_process": "fields opened by one process",
    "aes_fields_per_second_per_process": "fields sealed by one process with AES",
    "audit_verified_per_second": "events checked by the verifier",
    "side_channel_questions": "questions put to both stores",
}
SIGN_IN: dict[str, tuple[str, str]] = {
    "logins_per_second": (
        "≥ 20",
        "password, authenticator, session; argon2 at OWASP's first cost, traced",
    ),
    "token_checks_per_second": ("≥ 5,000", "access tokens looked at and decided on, one in fifty never seen before"),
}
SIGN_IN_BESIDE: dict[str, str] = {
    "known_token_checks_per_second": "the same of tokens that were seen before",
    "new_token_checks_per_second": "the same of tokens that were never seen: signature and database",
    "password_hashes_per_second": "argon2 alone on all processors, at our cost",
    "password_hashes_rfc_9106_per_second": "argon2 alone on all processors, at RFC 9106's second cost",
}
NEWBORN: dict[str, tuple[str, str]] = {
    "first_frame_ms_p95": ("≤ 1,000", "from the wish to the first picture shown, 50 joins in Chromium"),
    "latency_ms_p50": ("≤ 80", "age of a picture when it is shown, read from the picture itself"),
    "latency_ms_p95": ("≤ 150", "the same"),
    "shield_last_frame_ms": ("≤ 100", "the last new picture shown after the curtain was acknowledged, worst of 8"),
    "cut_ms_p99": ("≤ 1,000", "from the wish to cut to the last packet, 240 cuts, at the media server alone"),
    "moved_cut_ms_p99": ("≤ 1,000", "from the write that moves a baby's bed to the family's last packet, 208 moves"),
    "stall_noticed_s": (
        "≤ 2",
        "until the family's page, by its own watchdog, takes a picture that was cut off for still, worst of 5",
    ),
    "resumed_s": ("≤ 3", "from the return of a network that was away for 5 s to the next picture there, worst of 5"),
    "media_crash_recovered_s": (
        "≤ 5",
        "from the kill of the media server to the next picture, worst of 3; here the bench opens, in a ward the nurse",
    ),
    "fps_at_5_percent_loss": ("≥ 15", "pictures a second where one packet in twenty is lost"),
    "visits_per_core": ("≥ 45", "one to one, with talk, repair both ways and leases, at no more than 70 % of one core"),
    "viewers_per_core": ("≥ 150", "of one camera, at no more than 70 % of one core"),
}
NEWBORN_BESIDE: dict[str, str] = {
    "first_frame_ms_p50": "the median of the 50 joins",
    "frames_per_second": "pictures a second without loss",
    "cut_ms_p50": "the median of the cuts",
    "vanished_missed_s": "until the server misses a phone that vanished, worst of 3",
    "rejoined_s": "first picture of a phone that comes back over its lost connection, worst of 5",
    "moved_cut_ms_p50": "the median of the moves",
    "moved_cut_ms_max": "the slowest of the moves",
    "freezes_at_5_percent_loss": "pauses of over a second in 8 seconds at 5 % lost",
    "visits_per_core_percent": "of one core, what so many visits used",
    "viewers_per_core_percent": "of one core, what so many viewers used",
    "one_visit_percent_of_core": "of one core, one camera and one viewer in Chromium, ours",
    "stock_one_visit_percent_of_core": "of one core, the same with aiortc as it is",
    "stock_latency_ms_p50": "age of a picture with aiortc as it is, median",
    "stock_latency_ms_p95": "age of a picture with aiortc as it is",
    "janus_one_visit_percent_of_core": "of one core, the same with Janus; the work of our adapter is not in it",
    "janus_latency_ms_p50": "age of a picture with Janus, median",
    "janus_latency_ms_p95": "age of a picture with Janus",
}
RADIOTHERAPY: dict[str, tuple[str, str]] = {
    "gamma_seconds": ("≤ 1", "126,498 points at 2 %/2 mm, search up to 2, on a grid of TG-119's size"),
    "gamma_agreement_percent": ("≥ 99.9", "the same verdict as the converged value, samples 0.02 mm apart, on a draw"),
    "dvh_error_gy": ("≤ 0.05", "worst of mean, extremes and D99 to D1 of 120 solids from 5 mm radius, 2 Gy/cm"),
    "dvh_volume_error_percent": ("≤ 1", "worst volume of the same solids"),
    "dvh_ms_per_roi": ("≤ 50", "the dearest of them and a body of 33 litres, median of 3 each"),
    "rtstruct_roundtrip_mm": ("≤ 0.1", "farthest a point moved by being written and read; every hole is there"),
    "mask_ms_per_roi": ("≤ 100", "from rings to the mask of an organ of 80 mm on 512 × 512 × 150 voxels"),
    "read_case_seconds": ("≤ 3", "150 slices of 512 × 512, 20 structures and a dose, from bytes to values"),
}
RADIOTHERAPY_BESIDE: dict[str, str] = {
    "gamma_processor_seconds": "of all cores together, one comparison",
    "gamma_compile_seconds": "the first call of a process more",
    "gamma_pass_percent": "points of the case that pass",
    "gamma_difference_p99": "how far gamma is from the converged value, 99 % of the draw",
    "gamma_agreement_points": "points of the draw",
    "read_case_megabytes": "the size of the case that is read",
}
RADIOTHERAPY_PEERS: dict[str, str] = {
    "pymedphys_gamma_seconds": "the same comparison by pymedphys 0.41, in turns with ours",
    "gamma_seconds_beside_pymedphys": "ours between its turns",
    "pymedphys_agreement_percent": "its verdicts that are those of the converged value",
    "pymedphys_difference_p99": "how far its gamma is from the converged value, 99 % of the draw",
}
DVH_BESIDE: dict[str, str] = {
    "radius_mm": "radius, mm",
    "who": "who",
    "volume_error_percent": "volume, %",
    "mean_error_gy": "mean, Gy",
    "d99_error_gy": "D99, Gy",
    "d95_error_gy": "D95, Gy",
    "ms": "ms",
}
PLANNING: dict[str, tuple[str, str]] = {
    "influence_3mm_seconds": (
        "≤ 4",
        "doses of all beamlets: TG-119's C-shape, nine fields, 5 mm, the CT's grid; rays in",
    ),
    "influence_memory_mb": ("≤ 1,100", "what they take"),
    "peak_rss_mb": ("≤ 2,200", "the most the bench's process had from its beginning until they were made three times"),
    "fluence_seconds": ("≤ 8", "until the objective is within 1 % of the converged one"),
    "deliverable_plan_seconds": (
        "≤ 60",
        "from CT and contours: influence, fluence, segments, final dose by aperture, a second one, and the checks",
    ),
    "c_shape_target_d95_gy": ("50", "what 95 % of the target's volume get, dose by aperture"),
    "c_shape_target_d10_gy": ("< 55", "the hottest tenth of the target, in the same plan"),
    "c_shape_core_d10_gy": ("< 25", "the core's, in the same plan"),
    "engine_a_vs_b_gamma_3pct_2mm": (
        "≥ 95",
        "points of that plan that pass, pencil beam against collapsed cones; 3 % of the maximum, from 10 % of it on",
    ),
    "water_depth_dose_percent_max": (
        "≤ 2",
        "either engine against the machine's pencils in water, fields of 5, 10 and 20 cm, from 5 mm of depth",
    ),
    "water_profiles_percent_max": ("≤ 2", "the same across the field at four depths, beyond a millimetre aside"),
    "faults_caught": ("all", "faults drawn afresh and named rightly by a rule"),
    "false_alarms": ("0", "what rules find in sound cases that were drawn afresh"),
    "grid_convergence_target_percent": ("≤ 1", "the target's mean dose on 3 mm against 2 mm"),
}
PLANNING_BESIDE: dict[str, str] = {
    "influence_3mm_cpu_seconds": "of all cores together",
    "plan_compile_seconds": "a coarse plan before all others, most of it compiling or reading what was compiled",
    "influence_nonzeros": "doses of a beamlet in a voxel",
    "fluence_iterations": "until within 1 %",
    "deliverable_segments": "segments of nine fields",
    "deliverable_fraction_mu": "monitor units of a fraction of 2 Gy",
    "cones_fit_percent_max": "how far its kernels are from the first engine's in water, at most, from 5 mm of depth",
    "lung_a_above_b_percent_max": "most by which the pencil beam tells more in a slab of lung, of its maximum",
    "faults_known": "faults that can be planted, each drawn anew; a reduced run plants half of them, another each time",
    "faults_planted": "faults, of which some were written by somebody who had not read the rules:",
    "blind_planted": "those",
    "blind_caught": "those of them that were caught",
    "clean_cases": "sound cases",
    "rules": "rules",
}
PLANNING_FULL: dict[str, str] = {
    "cones_field_3mm_seconds": "one field by the second engine, at 3 mm",
    "fluence_converged_objective": "the objective after 400 iterations, or where five gain less than 1e-5 of it",
    "dose_vs_peer_gamma_1mm_1pct": (
        "points with 1 %/1 mm (global, from 10 %) that pass against pyRadPlan 0.5.0's dose from the same kernels; "
        "the worse of an open field and three uneven ones on 2 mm; must be 99"
    ),
    "peer_influence_seconds": "pyRadPlan's doses of all beamlets of the C-shape, its own rays in",
    "peer_influence_memory_mb": "what they take",
    "openkbp_dose_score": "Gy, fluences that mimic three clinical doses; OpenKBP's definition; must be at most 1.25",
    "openkbp_dvh_score": "Gy, the same plans; must be at most 0.18",
}
LUNG: dict[str, str] = {
    "depth_mm": "depth, mm",
    "is_lung": "in lung",
    "pencil_beam_percent": "pencil beam, %",
    "collapsed_cone_percent": "collapsed cones, %",
}
METHOD = """\
The load generator runs on the same machine and takes its share of the cores.
Each figure is the median of the runs beside it.
`python -m bench prepare` builds the store by importing the 60 Synthea bundles under as many sources as make its size.
Imports, transactions and single writes go to a fresh database on the same server; reads go to the prepared store.
Writes are on disk before they are answered; the database runs with the settings of every installation.
"""


def write_report(core: dict[str, Any], *sections: str) -> None:
    """Write the page: the record core, then the sections of the other benchmarks."""
    PAGE.parent.mkdir(exist_ok=True)
    parts = [page(core), *sections]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def trust_page(result: dict[str, Any]) -> str:
    """What trust costs, as Markdown."""
    return _beside("Trust", "trust", result, TRUST, TRUST_BESIDE)


def sign_in_page(result: dict[str, Any]) -> str:
    """How fast signing in is, as Markdown."""
    return _beside("Sign-in", "sign_in", result, SIGN_IN, SIGN_IN_BESIDE)


def newborn_page(result: dict[str, Any]) -> str:
    """What live pictures cost and how soon they come, as Markdown."""
    machine = result["machine"]
    loads = [
        (kind, _n(run["count"]), *(_n(run[key]) for key in ("server_percent", "load_percent", "arrived_fraction")))
        for kind in ("visits", "viewers")
        for run in result[f"{kind}_per_core_loads"]
    ]
    parts = [
        _beside("Live pictures", "newborn", result, NEWBORN, NEWBORN_BESIDE).rstrip(),
        "Each load that was tried, in percent of one core:",
        _table(("load", "count", "server", "load generator", "arrived"), loads),
        (
            "The media server ran on one core and the load on the other, with the keeper and the store where beds are "
            "moved; the load of the machine was "
            f"{machine['load'][0]} before the start and {result['load_after'][0]} at the end.\n"
            "Where less than 97 % arrives, the machine had no time for the load: such a load does not count.\n"
            "Everything runs over loopback; WebKit, mobile networks and TURN are not measured."
        ),
    ]
    return "\n\n".join(parts) + "\n"


def radiotherapy_page(result: dict[str, Any]) -> str:
    """How exactly and how fast plans are judged, as Markdown; peers as far as they ran."""
    peers = {key: what for key, what in RADIOTHERAPY_PEERS.items() if key in result}
    machine = result["machine"]
    parts = [
        _beside("Radiotherapy", "radiotherapy_evaluate", result, RADIOTHERAPY, RADIOTHERAPY_BESIDE | peers).rstrip(),
        *_histograms_beside(result.get("dvh_beside", [])),
        *(f"Not compared, because it does not run here: {each}" for each in result.get("peers_missing", [])),
        f"Measured {machine['date']} on {machine['processor']}, load {machine['load'][0]} before the start.",
    ]
    return "\n\n".join(parts) + "\n"


def planning_page(result: dict[str, Any]) -> str:
    """How fast beamlets' doses and a deliverable plan are made, as Markdown; one line where the data are missing."""
    if "data_missing" in result:
        return f"## Planning radiotherapy\n\nNot measured: {result['data_missing']}.\n"
    machine, full = result["machine"], {key: what for key, what in PLANNING_FULL.items() if key in result}
    beside = PLANNING_BESIDE | full
    return "\n\n".join(
        [
            _beside("Planning radiotherapy", "radiotherapy_plan", result, PLANNING, beside).rstrip(),
            *_phantoms(result),
            *_lung(result),
            *_solvers_beside(result.get("fluence_vs_peer_seconds", {}), result.get("fluence_vs_peer_objective", {})),
            *(
                f"In the full run alone: `{key}`, {why}."
                for key, why in result["full_only"].items()
                if key not in result
            ),
            *(f"Not compared, because it does not run here: {each}" for each in result.get("peers_missing", [])),
            *_complaints(result),
            "Rules were tried beside what is timed, in what that left of the processors (SCHED_IDLE).",
            "The machine is a generic one that nobody commissioned; nothing of it is for patients.",
            f"Measured {machine['date']} on {machine['processor']}, load {machine['load'][0]} before the start.\n",
        ]
    )


def _solvers_beside(seconds: dict[str, float | None], objectives: dict[str, float]) -> list[str]:
    """How soon each solver came within 1 % of the lowest objective that any found; nothing where none ran."""
    if not seconds:
        return []
    told = (
        "One objective on the C-shape's own influence, given in turns to our solver and to those of pyRadPlan 0.5.0, "
        "until it is within 1 % of the lowest value that any of them found:"
    )
    rows = [(who, "never" if took is None else _n(took), _n(objectives[who])) for who, took in seconds.items()]
    return [told, _table(("who", "seconds", "objective at the end"), rows)]


def _phantoms(result: dict[str, Any]) -> list[str]:
    """What plans reach on phantoms like those of the Task Group, goal by goal."""
    keys = [key.removesuffix("_goals") for key in result if key.startswith("phantom_") and key.endswith("_goals")]
    rows = [
        (
            _phantom(key),
            goal["structure"],
            goal["goal"],
            _n(goal["reached_gy"] or 0),
            "yes" if goal["met"] else "**no**",
        )
        for key in keys
        for goal in result[f"{key}_goals"]
    ]
    told = "Deliverable plans on phantoms like three of Task Group 119, each by its template:"
    seconds = [f"{_phantom(key)}: {_n(result[f'{key}_seconds'])} s." for key in keys]
    return (
        [told, _table(("phantom", "structure", "goal", "reached, Gy", "met"), rows), "\n".join(seconds)] if keys else []
    )


def _phantom(key: str) -> str:
    return key.removeprefix("phantom_").replace("_", " ")


def _lung(result: dict[str, Any]) -> list[str]:
    """Both engines along the axis through lung, side by side, and whether they differ, which they should."""
    flag = "**They differ**" if result["lung_engines_differ"] else "They do not differ"
    told = (
        "Depth dose of a field of 5 cm through 8 cm of lung (density 0.25) in water, in percent of the pencil beam's "
        f"maximum.\n{flag}: the pencil beam scales along the ray alone, and in lung it is not to be trusted."
    )
    rows = [(_n(row["depth_mm"]), "yes" if row["is_lung"] else "", *_percents(row)) for row in result["lung_a_vs_b"]]
    return [told, _table(tuple(LUNG.values()), rows)]


def _percents(row: dict[str, Any]) -> tuple[str, str]:
    return _n(row["pencil_beam_percent"]), _n(row["collapsed_cone_percent"])


def _complaints(result: dict[str, Any]) -> list[str]:
    """Faults that were missed, and rules that say stop to the plan."""
    missed, stops = result["faults_missed"], result["deliverable_stops"]
    told = [f"Missed, by the seed {result['check_seed']}: {', '.join(missed)}."] if missed else []
    return told + ([f"Rules that say stop to the plan: {', '.join(stops)}."] if stops else [])


def _histograms_beside(rows: list[dict[str, Any]]) -> list[str]:
    """Spheres in a gradient, by dicompyler-core and by us; nothing where it did not run."""
    if not rows:
        return []
    told = (
        "Histograms of spheres in a dose that grows by 2 Gy/cm on a grid of 3 mm, from the same files in turns with "
        "dicompyler-core 0.5.6, as it comes and with its interpolation (to 0.75 mm, two planes between contours).\n"
        "Errors are what was found less the closed form:"
    )
    return [told, _table(tuple(DVH_BESIDE.values()), [tuple(_cell(row[key]) for key in DVH_BESIDE) for row in rows])]


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else _n(value)


def _beside(
    title: str, command: str, result: dict[str, Any], must_be: dict[str, tuple[str, str]], others: dict[str, str]
) -> str:
    """The section of a benchmark that has a command of its own."""
    promises = [(f"`{k}`", _n(result[k]), must, _runs(result, k), what) for k, (must, what) in must_be.items()]
    beside = [(f"`{k}`", _n(result[k]), _runs(result, k), what) for k, what in others.items()]
    parts = [
        f"## {title}",
        f"Measured by `python -m bench {command}`, which took {result['seconds']} s.",
        _table(("key", "measured", "must", "runs", "what"), promises),
        "Beside it, in the same run:",
        _table(("key", "measured", "runs", "what"), beside),
    ]
    return "\n\n".join(parts) + "\n"


def page(result: dict[str, Any]) -> str:
    """The page as Markdown."""
    machine = result["machine"]
    parts = [
        "# Performance",
        "Written by `make bench`.",
        (
            f"Measured {machine['date']} on {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory']} memory, {machine['system']}, Python {machine['python']}, "
            f"load {machine['load'][0]} before the start.\n"
            f"The store held {result['resources']:,} resources; the run took {result['seconds']} s."
        ),
        "## What we promise",
        _table(
            ("key", "measured", "must", "aim", "runs", "what"),
            [(f"`{k}`", _n(result[k]), must, aim, _runs(result, k), what) for k, (must, aim, what) in PROMISES.items()],
        ),
        f"HL7's FHIRPath cases: {result['fhirpath_passed']} of {result['fhirpath_cases']} pass (must: 880).",
        "## Yardsticks of the same run",
        _table(
            ("key", "measured", "runs", "what"),
            [(f"`{k}`", _n(result[k]), _runs(result, k), what) for k, what in YARDSTICKS.items()],
        ),
        "## Bytes per resource, by table",
        _table(("table", "bytes"), [(f"`{k}`", _n(v)) for k, v in result["bytes_by_table"].items()]),
        "## Method",
        METHOD.strip(),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _n(value: float) -> str:
    return f"{value:,}"


def _runs(result: dict[str, Any], key: str) -> str:
    return " · ".join(_n(each) for each in result.get(f"{key}_runs", []))
