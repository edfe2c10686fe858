// Names and texts of a DICOM object in the character set that it states (PS3.3 C.12.1.1.2, PS3.5 6.1.2).
import type { DataSet } from "dicom-parser";

/** What browsers call the sets; those with escapes are decoded once their escapes are taken out. */
const DECODERS: Readonly<Record<string, string>> = {
  "": "windows-1252",
  "ISO_IR 6": "windows-1252",
  "ISO 2022 IR 6": "windows-1252",
  "ISO_IR 100": "windows-1252",
  "ISO 2022 IR 100": "windows-1252",
  "ISO_IR 192": "utf-8",
  GB18030: "gb18030",
  GBK: "gb18030",
  "ISO 2022 IR 58": "gb18030",
  "ISO 2022 IR 149": "euc-kr",
  "ISO 2022 IR 87": "iso-2022-jp",
};

/** ESC, intermediate characters, one final one (ISO 2022). */
const ESCAPES = /\x1b[\x20-\x2f]+[\x30-\x7e]/g;

/** The text of an element, empty if there is none; null where its character set is not known here. */
export function decoded(read: DataSet, tag: string): string | null {
  const element = read.elements[tag];
  if (!element || element.length <= 0) return "";
  const sets = (read.string("x00080005") ?? "").split("\\").map((each) => each.trim());
  const name = DECODERS[sets.filter((each) => each !== "").at(-1) ?? ""];
  const bytes = read.byteArray.slice(element.dataOffset, element.dataOffset + element.length) as Uint8Array;
  const plain = String.fromCharCode(...bytes);
  const isAscii = !/[\x80-\xff\x1b]/.test(plain);
  if (name === undefined && !isAscii) return null;
  const kept = name === "iso-2022-jp" ? bytes : Uint8Array.from(plain.replace(ESCAPES, ""), (each) => each.charCodeAt(0));
  return new TextDecoder(isAscii ? "utf-8" : name).decode(kept).replace(/[\s\0]+$/, "").trim();
}

/** A person's name as people write it: the ideographic group before the alphabetic one (PS3.5 6.2.1). */
export function nameOf(written: string): string {
  const groups = written.split("=");
  return ((groups.length > 1 && groups[1]) || groups[0] || "").split("^").filter(Boolean).join(" ");
}

/** A date as people write it; empty if it is none. */
export const dateOf = (date: string): string => (/^\d{8}$/.test(date) ? `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}` : "");
