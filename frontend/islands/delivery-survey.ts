// What somebody is about to send: series by series, whose they are, what is wrong with the slices, what a whole case lacks.
import type { Head, Header } from "./dicom-header";
import { checkSlices, type Checked, type Finding, type Slice } from "./slice-check";

const CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2";
const ORDER = ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD"];
const WHOLE_CASE = ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE"] as const;

export interface Seen {
  readonly file: File;
  /** Its path in the folder that was chosen, or its name. */
  readonly name: string;
  readonly header: Head;
}

export interface SeriesRow {
  readonly modality: string;
  readonly description: string;
  readonly count: number;
  readonly bytes: number;
  readonly patients: readonly Patient[];
  /** Null where there is nothing to check: no CT. */
  readonly checked: Checked | null;
}

export interface Patient {
  readonly name: string | null;
  readonly number: string;
  readonly birthDate: string;
}

export interface Limits {
  readonly objectBytes: number;
  readonly caseBytes: number;
  readonly objects: number;
}

export interface Survey {
  readonly rows: readonly SeriesRow[];
  readonly toSend: readonly Seen[];
  readonly bytes: number;
  readonly strangers: readonly string[];
  readonly tooLarge: readonly string[];
  readonly cut: readonly string[];
  readonly packed: readonly string[];
  readonly copies: number;
  readonly findings: readonly Finding[];
  readonly lacking: readonly string[];
  readonly patients: readonly Patient[];
  readonly isMixed: boolean;
}

/** Raises nothing: whatever is wrong is said.  Reads whole files only where two have one SOP Instance UID. */
export async function survey(seen: readonly Seen[], limits: Limits): Promise<Survey> {
  const objects = seen.filter((each) => each.header !== null && each.header !== "cut");
  const fitting = objects.filter((each) => each.file.size <= limits.objectBytes);
  const { kept, copies, different } = await eachOnce(fitting);
  const series = [...bySeries(kept).values()];
  const bytes = kept.reduce((sum, each) => sum + each.file.size, 0);
  const patients = distinct(kept.flatMap((each) => (isHeader(each.header) ? [each.header.patient] : [])));
  return {
    rows: series.map(rowOf),
    toSend: kept,
    bytes,
    strangers: seen.filter((each) => each.header === null).map((each) => each.name),
    tooLarge: objects.filter((each) => each.file.size > limits.objectBytes).map((each) => each.name),
    cut: seen.filter((each) => each.header === "cut").map((each) => each.name),
    packed: kept.filter((each) => each.header === "packed").map((each) => each.name),
    copies,
    findings: [...different, ...tooMuch(kept.length, bytes, limits)],
    lacking: WHOLE_CASE.filter((modality) => !series.some((one) => modalityOf(one[0]) === modality)),
    patients,
    isMixed: isMixed(patients),
  };
}

export const isHeader = (header: Head): header is Header => header !== null && typeof header === "object";

function modalityOf(seen: Seen | undefined): string {
  return seen && isHeader(seen.header) ? seen.header.modality : "";
}

/** Exact copies are one object; different files with one UID are both kept, and a fault. */
async function eachOnce(objects: readonly Seen[]): Promise<{ kept: Seen[]; copies: number; different: Finding[] }> {
  const byInstance = new Map<string, Seen[]>();
  const kept: Seen[] = [];
  const different: Finding[] = [];
  let copies = 0;
  for (const one of objects) {
    const former = isHeader(one.header) ? (byInstance.get(one.header.instance) ?? []) : [];
    if (await isAmong(one, former)) {
      copies += 1;
      continue;
    }
    kept.push(one);
    if (!isHeader(one.header)) continue;
    if (former.length === 1) {
      const { modality, instance } = one.header;
      different.push({ code: "case-instance-differs", details: { modality, instance }, isFault: true });
    }
    byInstance.set(one.header.instance, [...former, one]);
  }
  return { kept, copies, different };
}

async function isAmong(one: Seen, former: readonly Seen[]): Promise<boolean> {
  for (const each of former) if (await hasSameBytes(one.file, each.file)) return true;
  return false;
}

async function hasSameBytes(one: File, other: File): Promise<boolean> {
  if (one.size !== other.size) return false;
  const [first, second] = await Promise.all([one.arrayBuffer(), other.arrayBuffer()]);
  const bytes = new Uint8Array(second);
  return new Uint8Array(first).every((byte, at) => byte === bytes[at]);
}

function bySeries(objects: readonly Seen[]): Map<string, Seen[]> {
  const series = new Map<string, Seen[]>();
  for (const one of objects) {
    const key = isHeader(one.header) ? `${one.header.modality} ${one.header.series}` : "packed";
    const together = series.get(key);
    together ? together.push(one) : series.set(key, [one]);
  }
  return new Map([...series].sort(([, one], [, other]) => placeOf(one[0]) - placeOf(other[0])));
}

function placeOf(seen: Seen | undefined): number {
  const place = ORDER.indexOf(modalityOf(seen));
  return place < 0 ? ORDER.length : place;
}

function rowOf(objects: readonly Seen[]): SeriesRow {
  const headers = objects.map((each) => each.header).filter(isHeader);
  const isCt = headers.length > 0 && headers.every((each) => each.kind === CT_IMAGE);
  return {
    modality: headers[0]?.modality ?? "",
    description: headers[0]?.description ?? "",
    count: objects.length,
    bytes: objects.reduce((sum, each) => sum + each.file.size, 0),
    patients: distinct(headers.map((each) => each.patient)),
    checked: isCt ? checkSlices(headers.map(sliceOf)) : null,
  };
}

function sliceOf(header: Header, place: number): Slice {
  return { ...header, number: header.number || `(${place + 1})`, person: personOf(header.patient) };
}

const plainName = (name: string | null): string | null => name && name.replace(/\^+$/, "");
const personOf = (patient: Patient): string => JSON.stringify([plainName(patient.name), patient.number, patient.birthDate]);

function distinct(patients: readonly Patient[]): Patient[] {
  return [...new Map(patients.map((each) => [personOf(each), each])).values()];
}

/** The server never lets objects of several numbers or names be one case; a name that cannot be read here says nothing. */
function isMixed(patients: readonly Patient[]): boolean {
  const names = patients.map((each) => plainName(each.name)).filter((each) => each !== null);
  return new Set(names).size > 1 || new Set(patients.map((each) => each.number)).size > 1;
}

function tooMuch(count: number, bytes: number, limits: Limits): Finding[] {
  const found: Finding[] = [];
  if (count > limits.objects) {
    found.push({ code: "case-too-many-files", details: { count: `${count}`, most: `${limits.objects}` }, isFault: true });
  }
  if (bytes > limits.caseBytes) {
    found.push({ code: "case-too-large", details: { bytes: `${bytes}`, most: `${limits.caseBytes}` }, isFault: true });
  }
  return found;
}
