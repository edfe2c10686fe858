// Reads the head of a DICOM file in the browser: its first 64 kB, and more only where an object's head is longer.
// PS3.10 (files), PS3.5 6.1.2 (character sets).
import { parseDicom, type DataSet } from "dicom-parser";

import { decoded } from "./dicom-text";

const FIRST_BYTES = 64 * 1_024;
const GROWS_BY = 8;
const HEAD_BYTES_MAX = 64 << 20;

const PIXELS = "x7fe00010";
const IMPLICIT = "1.2.840.10008.1.2";
const EXPLICIT = "1.2.840.10008.1.2.1";
const DEFLATED = "1.2.840.10008.1.2.1.99";
/** All that is looked at lies in groups up to this one; whatever comes after may be cut off. */
const LAST_GROUP = 0x0028;

export interface Header {
  readonly instance: string;
  readonly kind: string;
  readonly modality: string;
  readonly patient: { readonly name: string | null; readonly number: string; readonly birthDate: string };
  readonly study: string;
  readonly series: string;
  readonly description: string;
  readonly frame: string;
  readonly number: string;
  readonly corner: readonly number[];
  readonly directions: readonly number[];
  readonly spacing: readonly number[];
  readonly size: readonly number[];
  readonly thicknessMm: number | null;
}

/**
 * `packed`: an object whose head is compressed, which only the server opens; `cut`: the file ends within its head, so
 * that even a patient's number may be half of one; null: no DICOM object.
 */
export type Head = Header | "packed" | "cut" | null;

export async function readHeader(file: Blob): Promise<Head> {
  for (let bytes = FIRST_BYTES; ; bytes *= GROWS_BY) {
    const isWhole = bytes >= file.size || bytes >= HEAD_BYTES_MAX;
    const head = new Uint8Array(await file.slice(0, bytes).arrayBuffer());
    const read = parsed(head);
    if (read === "packed") return read;
    if (!read) return null;
    if (isPast(read.elements, head.length) || (isWhole && !read.isBroken)) return headerOf(read.elements);
    if (isWhole) return "cut";
  }
}

/** `isBroken`: something after these elements could not be read, for instance because it is cut off. */
interface Read {
  readonly elements: DataSet;
  readonly isBroken: boolean;
}

function parsed(head: Uint8Array): Read | "packed" | null {
  const hasPreamble = String.fromCharCode(...head.slice(128, 132)) === "DICM";
  const syntaxes = hasPreamble ? [undefined] : [EXPLICIT, IMPLICIT];
  for (const TransferSyntaxUID of syntaxes) {
    const read = elements(head, TransferSyntaxUID);
    if (!hasPreamble && !uid(read?.elements, "x00080018")) continue;
    if (read) return read;
  }
  return hasPreamble && isDeflated(head) ? "packed" : null;
}

function elements(head: Uint8Array, syntax: string | undefined): Read | null {
  try {
    const elements = parseDicom(head, { untilTag: PIXELS, ...(syntax ? { TransferSyntaxUID: syntax } : {}) });
    return { elements, isBroken: false };
  } catch (error) {
    const elements = (error as { dataSet?: DataSet }).dataSet;
    return elements ? { elements, isBroken: true } : null;
  }
}

/** The transfer syntax stands in the first few hundred bytes, in clear. */
const isDeflated = (head: Uint8Array): boolean => String.fromCharCode(...head.slice(132, 1_024)).includes(DEFLATED);

/** Whether all that is looked at lies within what was read. */
function isPast(read: DataSet, length: number): boolean {
  return Object.values(read.elements).some((element) => {
    const group = parseInt(element.tag.slice(1, 5), 16);
    return group > LAST_GROUP && element.dataOffset <= length;
  });
}

function headerOf(read: DataSet): Header | null {
  const instance = uid(read, "x00080018");
  if (!instance) return null;
  const text = (tag: string): string | null => decoded(read, tag);
  return {
    instance,
    kind: uid(read, "x00080016"),
    modality: read.string("x00080060") ?? "",
    patient: { name: text("x00100010"), number: text("x00100020") ?? "", birthDate: read.string("x00100030") ?? "" },
    study: uid(read, "x0020000d"),
    series: uid(read, "x0020000e"),
    description: text("x0008103e") ?? "",
    frame: uid(read, "x00200052"),
    number: read.string("x00200013") ?? "",
    corner: numbers(read, "x00200032", 3),
    directions: numbers(read, "x00200037", 6),
    spacing: numbers(read, "x00280030", 2),
    size: [read.uint16("x00280010") ?? 0, read.uint16("x00280011") ?? 0],
    thicknessMm: numbers(read, "x00180088", 1)[0] ?? numbers(read, "x00180050", 1)[0] ?? null,
  };
}

/** A UID's digits and dots; empty for anything else (PS3.5 9.1). */
function uid(read: DataSet | undefined, tag: string): string {
  const said = read?.string(tag) ?? "";
  return /^[0-9.]{1,64}$/.test(said) ? said : "";
}

function numbers(read: DataSet, tag: string, count: number): number[] {
  if (read.numStringValues(tag) !== count) return [];
  const found = Array.from({ length: count }, (_, at) => read.floatString(tag, at) ?? NaN);
  return found.every(Number.isFinite) ? found : [];
}
