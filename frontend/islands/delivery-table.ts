// The table of what is about to be sent, and below it in words what is wrong, what is odd and what is lacking.
import type { Patient, SeriesRow, Survey } from "./delivery-survey";
import { dateOf, nameOf } from "./dicom-text";
import { sizeOf, type Phrases } from "./phrases";
import type { Checked, Finding } from "./slice-check";

const NAMES_SAID = 8;

type Status = "good" | "info" | "warning" | "critical";
const SHAPES: Record<Status, string> = { good: "i-check", info: "i-info", warning: "i-warn", critical: "i-stop" };

export class Table {
  readonly #words: Phrases;
  readonly #drawings: string;
  readonly #objectBytes: number;

  constructor(words: Phrases, drawings: string, objectBytes: number) {
    this.#words = words;
    this.#drawings = drawings;
    this.#objectBytes = objectBytes;
  }

  /** Everything that is to be seen before sending. */
  of(found: Survey): HTMLElement[] {
    const heading = made("h3", this.#words.say("rt.send-survey"));
    heading.tabIndex = -1;
    return [heading, ...(found.rows.length ? [this.#table(found)] : []), ...this.#notes(found)];
  }

  /** A note as the server's pages have it. */
  note(status: Status, text: string): HTMLElement {
    const note = made("div", "", `note ${status}`);
    note.append(this.#icon(SHAPES[status]), made("p", text, "small"));
    return note;
  }

  #table(found: Survey): HTMLElement {
    const table = made("table", "", "rtsurvey"); // a telephone shows it as blocks: its roles are said
    table.setAttribute("role", "table");
    const caption = made("caption", this.#words.say("rt.send-survey"), "unseen");
    const head = rolled("tr", "row");
    for (const column of ["kind", "objects", "patient", "check"]) {
      const cell = rolled("th", "columnheader", this.#words.say(`rt.send-column-${column}`), column === "objects" ? "right" : "");
      cell.setAttribute("scope", "col");
      head.append(cell);
    }
    const top = rolled("thead", "rowgroup");
    const body = rolled("tbody", "rowgroup");
    top.append(head);
    body.append(...found.rows.map((row) => this.#row(row)));
    table.append(caption, top, body);
    return table;
  }

  #row(row: SeriesRow): HTMLElement {
    const line = rolled("tr", "row");
    const kind = rolled("th", "rowheader", this.#kind(row));
    kind.setAttribute("scope", "row");
    if (row.description) kind.append(isolated(row.description, "facts small"));
    const count = rolled("td", "cell", String(row.count), "right");
    count.dataset["label"] = this.#words.say("rt.send-column-objects");
    count.append(made("span", sizeOf(row.bytes), "facts small"));
    const whose = rolled("td", "cell");
    for (const patient of row.patients) whose.append(...this.#patient(patient));
    const check = rolled("td", "cell");
    if (row.checked) check.append(this.#verdict(row.checked));
    line.append(kind, count, whose, check);
    return line;
  }

  #kind(row: SeriesRow): string {
    const key = `rt.send-kind-${row.modality || "unread"}`;
    return this.#words.has(key) ? this.#words.say(key) : row.modality;
  }

  #patient(patient: Patient): HTMLElement[] {
    const facts = made("span", "", "facts small");
    facts.append(isolated(patient.number || this.#words.say("rt.send-unnumbered")));
    const born = dateOf(patient.birthDate);
    if (born) facts.append(` · ${this.#words.say("rt.send-born", { date: born })}`);
    return [isolated(this.#name(patient)), facts];
  }

  #name(patient: Patient): string {
    return patient.name === null ? this.#words.say("rt.send-nameless") : nameOf(patient.name);
  }

  #verdict(checked: Checked): HTMLElement {
    const faults = checked.findings.filter((each) => each.isFault).length;
    if (faults) return this.#tag("critical", this.#words.say("rt.send-faults", { count: faults }));
    if (checked.stepMm === null) return this.#tag("warning", this.#words.say("rt.send-noted"));
    return this.#tag("good", this.#words.say("rt.send-even", { step_mm: checked.stepMm.toFixed(2) }));
  }

  #tag(status: Status, text: string): HTMLElement {
    const tag = made("span", "", `tag ${status}`);
    tag.append(this.#icon(SHAPES[status]), text);
    return tag;
  }

  #notes(found: Survey): HTMLElement[] {
    if (!found.rows.length) return [this.note("critical", this.#words.say("rt.send-none")), ...this.#left(found)];
    const notes: HTMLElement[] = [];
    if (found.isMixed) notes.push(this.note("critical", this.#mixed(found.patients)));
    for (const finding of found.findings) notes.push(this.#said(finding, ""));
    const several = found.rows.filter((row) => row.checked).length > 1;
    for (const row of found.rows) {
      const of = several ? `${this.#kind(row)} ${row.description}`.trim() : "";
      for (const finding of row.checked?.findings ?? []) notes.push(this.#said(finding, of));
    }
    if (!notes.length) {
      const hasCt = found.rows.some((row) => row.checked);
      notes.push(this.note("good", this.#words.say(hasCt ? "rt.send-good" : "rt.send-good-no-ct")));
    }
    for (const modality of found.lacking) notes.push(this.note("info", this.#words.say(`rt.send-lacks-${modality}`)));
    return [...notes, ...this.#left(found)];
  }

  #mixed(patients: readonly Patient[]): string {
    const said = patients.map((each) => [this.#name(each), each.number].filter(Boolean).join(" ") || this.#words.say("rt.send-unnumbered"));
    return this.#words.say("rt.send-mixed", { patients: this.#some(said) });
  }

  #said(finding: Finding, of: string): HTMLElement {
    const sentence = this.#words.say(`refusal.${finding.code}`, finding.details);
    return this.note(finding.isFault ? "critical" : "warning", of ? `${of}: ${sentence}` : sentence);
  }

  /** What is not sent, or not as it lies there. */
  #left(found: Survey): HTMLElement[] {
    const notes: [Status, string, number, readonly string[]][] = [
      ["warning", "rt.send-too-large", found.tooLarge.length, found.tooLarge],
      ["critical", "rt.send-cut", found.cut.length, found.cut],
      ["info", "rt.send-strangers", found.strangers.length, found.strangers],
      ["warning", "rt.send-packed", found.packed.length, found.packed],
      ["info", "rt.send-copies", found.copies, []],
    ];
    return notes
      .filter(([, , count]) => count > 0)
      .map(([status, key, count, names]) =>
        this.note(status, this.#words.say(key, { count, names: this.#some(names), size: sizeOf(this.#objectBytes) })),
      );
  }

  #some(names: readonly string[]): string {
    const said = names.slice(0, NAMES_SAID).join(", ");
    const more = names.length - NAMES_SAID;
    return more > 0 ? `${said} … ${this.#words.say("rt.send-more", { count: more })}` : said;
  }

  #icon(name: string): SVGElement {
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("class", "ic");
    icon.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${this.#drawings}#${name}`);
    icon.append(use);
    return icon;
  }
}

/** An element with plain text: names of files and patients are never markup. */
export function made(tag: string, text = "", classes = ""): HTMLElement {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (classes) element.className = classes;
  return element;
}

function rolled(tag: string, role: string, text = "", classes = ""): HTMLElement {
  const element = made(tag, text, classes);
  element.setAttribute("role", role);
  return element;
}

export const isolated = (text: string, classes = ""): HTMLElement => made("bdi", text, classes);
