// The page on which a physicist sends the files of a case: they are read and checked here first, then sent one by one.
import { chosenIn, dropped, heads, type Chosen } from "./delivery-choice";
import { arrivedAlready, Sender, type Course, type Tally } from "./delivery-sender";
import { isHeader, survey, type Limits, type Seen, type Survey } from "./delivery-survey";
import { isolated, made, Table } from "./delivery-table";
import { Phrases, sizeOf } from "./phrases";

/** More than one case can ever have: somebody chose a whole disk. */
const CHOSEN_TIMES_MAX = 4;
/** How often a screen reader is told how far it is, in parts of the whole. */
const TOLD_PARTS = 10;

class Delivery {
  readonly #root: HTMLElement;
  readonly #words: Phrases;
  readonly #table: Table;
  readonly #address: string;
  readonly #limits: Limits;
  #found: Survey | undefined;
  #sender: Sender | undefined;
  #course: Course | undefined;
  #beganAt = 0;
  #toldPart = 0;
  #choices = 0;

  constructor(root: HTMLElement) {
    this.#root = root;
    this.#words = new Phrases(root.dataset["words"] ?? "{}");
    this.#address = root.dataset["address"] ?? "";
    const most = (name: string): number => Number(root.dataset[name] ?? 0);
    this.#limits = { objectBytes: most("objectBytesMax"), caseBytes: most("caseBytesMax"), objects: most("objectsMax") };
    this.#table = new Table(this.#words, root.dataset["drawings"] ?? "", this.#limits.objectBytes);
    this.#listen();
    this.#show("door", true);
  }

  #part(name: string): HTMLElement {
    const part = this.#root.querySelector<HTMLElement>(`[data-sending="${name}"]`);
    if (!part) throw new Error(name);
    return part;
  }

  #show(name: string, isShown: boolean): void {
    this.#part(name).hidden = !isShown;
  }

  #say(name: string, text: string): void {
    const part = this.#part(name);
    if (part.textContent !== text) part.textContent = text;
  }

  #listen(): void {
    for (const name of ["folder", "files"]) {
      const input = this.#part(name) as HTMLInputElement;
      input.addEventListener("change", () => {
        const chosen = chosenIn(input);
        input.value = ""; // the same folder may be chosen again
        void this.#choose(chosen);
      });
    }
    this.#listenToDrops(this.#part("door"));
    this.#part("send").addEventListener("click", () => void this.#send());
    this.#part("pause").addEventListener("click", () => (this.#course === "paused" ? this.#sender?.goOn() : this.#sender?.pause()));
    this.#part("stop").addEventListener("click", () => this.#sender?.stop());
    addEventListener("beforeunload", (event) => this.#sender && event.preventDefault());
  }

  #listenToDrops(door: HTMLElement): void {
    const over = (isOver: boolean) => (event: DragEvent) => {
      event.preventDefault();
      door.toggleAttribute("data-over", isOver);
    };
    door.addEventListener("dragover", over(true));
    door.addEventListener("dragleave", over(false));
    door.addEventListener("drop", (event) => {
      over(false)(event);
      if (event.dataTransfer) void dropped(event.dataTransfer, this.#mostChosen()).then((chosen) => this.#choose(chosen));
    });
    // Beside the door a file would open in the page's place, and what was chosen would be lost.
    for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
  }

  #mostChosen(): number {
    return CHOSEN_TIMES_MAX * this.#limits.objects;
  }

  // Choosing

  async #choose(chosen: readonly Chosen[]): Promise<void> {
    if (this.#sender) return;
    const choice = ++this.#choices;
    for (const name of ["survey", "acts", "outcome", "refused"]) this.#show(name, false);
    if (!chosen.length) return this.#say("told", this.#words.say("rt.send-nothing-chosen"));
    if (chosen.length > this.#mostChosen()) {
      const details = { count: chosen.length, most: this.#limits.objects };
      return this.#say("told", this.#words.say("refusal.case-too-many-files", details));
    }
    const tell = (done: number): void => {
      if (done % TOLD_PARTS === 0 && choice === this.#choices) this.#sayRead(done, chosen.length);
    };
    this.#sayRead(0, chosen.length);
    const found = await survey(await heads(chosen, tell), this.#limits);
    if (choice === this.#choices) this.#showSurvey(found);
  }

  #sayRead(done: number, total: number): void {
    this.#say("told", this.#words.say("rt.send-reading", { done, total }));
  }

  #showSurvey(found: Survey): void {
    this.#found = found;
    this.#say("told", "");
    const survey = this.#part("survey");
    survey.replaceChildren(...this.#table.of(found));
    this.#show("survey", true);
    this.#show("acts", found.toSend.length > 0);
    const send = this.#part("send");
    send.setAttribute("aria-disabled", String(found.isMixed));
    send.className = hasFaults(found) ? "btn line" : "btn main";
    this.#say("send-words", this.#sendWords(found));
    survey.querySelector("h3")?.focus();
  }

  #sendWords(found: Survey): string {
    if (found.isMixed) return this.#words.say("rt.send-forbidden");
    if (hasFaults(found)) return this.#words.say("rt.send-anyway");
    return this.#words.say("rt.send-now", { count: found.toSend.length, size: sizeOf(found.bytes) });
  }

  // Sending

  async #send(): Promise<void> {
    const found = this.#found;
    if (this.#sender || !found || found.isMixed) return;
    const choice = ++this.#choices;
    this.#show("outcome", false);
    this.#show("refused", false);
    const there = await arrivedAlready(this.#address);
    if (choice !== this.#choices) return;
    if (!there) return this.#end("warning", this.#words.say("rt.send-unanswered"), true);
    const left = found.toSend.filter((each) => !isThere(each, there));
    if (!left.length) return this.#end("good", this.#words.say("rt.send-already"), false);
    await this.#sendAll(left, found.toSend.length - left.length);
  }

  async #sendAll(left: readonly Seen[], before: number): Promise<void> {
    for (const name of ["door", "survey", "acts"]) this.#show(name, false);
    this.#show("course", true);
    const some = before ? ` ${this.#words.say("rt.send-some-already", { count: before })}` : "";
    this.#say("told", this.#words.say("rt.send-started", { total: left.length }) + some);
    this.#beganAt = performance.now();
    this.#toldPart = 0;
    this.#course = undefined;
    const sender = (this.#sender = new Sender(this.#address, left, (tally) => this.#heard(tally)));
    this.#part("pause").focus();
    await sender.run();
  }

  #heard(tally: Tally): void {
    const done = tally.arrived + tally.refused.length;
    const progress = this.#part("course").querySelector("progress");
    if (progress) progress.value = tally.bytesTotal ? tally.bytesArrived / tally.bytesTotal : 0;
    this.#say("numbers", this.#numbers(tally));
    if (tally.refused.length) this.#sayRefused(tally);
    if (tally.course !== this.#course) this.#changed(tally);
    const part = Math.floor((TOLD_PARTS * done) / tally.total);
    if (tally.course === "sending" && part > this.#toldPart) {
      this.#toldPart = part;
      this.#say("told", this.#numbers(tally));
    }
  }

  #numbers(tally: Tally): string {
    const course = this.#words.say("rt.send-course", {
      arrived: tally.arrived,
      total: tally.total,
      done: sizeOf(tally.bytesArrived),
      size: sizeOf(tally.bytesTotal),
    });
    if (tally.course !== "sending" || !tally.bytesArrived) return course;
    const rest = tally.bytesTotal / tally.bytesArrived - 1;
    const seconds = Math.ceil(((performance.now() - this.#beganAt) / 1_000) * rest);
    const key = seconds < 100 ? "rt.send-left-seconds" : "rt.send-left-minutes";
    return `${course} · ${this.#words.say(key, { count: seconds < 100 ? seconds : Math.ceil(seconds / 60) })}`;
  }

  #sayRefused(tally: Tally): void {
    this.#part("refused-list").replaceChildren(
      ...tally.refused.map((each) => {
        const line = made("li");
        const said = made("span", each.said ?? this.#words.say(`rt.${each.why}`));
        const words = made("p");
        words.append(isolated(each.name, "strong"), " ", said);
        line.append(words);
        return line;
      }),
    );
    this.#show("refused", true);
  }

  #changed(tally: Tally): void {
    this.#course = tally.course;
    const details = { arrived: tally.arrived, total: tally.total, said: tally.said, count: tally.arrived };
    this.#say("pause-words", this.#words.say(tally.course === "paused" ? "rt.send-go-on" : "rt.send-pause"));
    switch (tally.course) {
      case "sending":
        return;
      case "waiting":
      case "paused":
        return this.#say("told", this.#words.say(`rt.send-${tally.course}`, details));
      case "done": {
        const key = tally.refused.length ? "rt.send-done-but" : "rt.send-done";
        return this.#end(tally.refused.length ? "warning" : "good", this.#words.say(key, details), false);
      }
      case "over":
        return this.#end("critical", this.#words.say("rt.send-gone", details), false);
      default:
        return this.#end("warning", this.#words.say(`rt.send-${tally.course}`, details), true);
    }
  }

  // What came of it

  #end(status: "good" | "warning" | "critical", words: string, canGoOn: boolean): void {
    this.#sender = undefined;
    this.#show("course", false);
    this.#show("door", true);
    this.#show("acts", false);
    this.#say("told", "");
    const outcome = this.#part("outcome");
    const note = this.#table.note(status, words);
    note.setAttribute("role", status === "good" ? "status" : "alert");
    outcome.replaceChildren(note);
    this.#show("outcome", true);
    if (canGoOn) outcome.append(this.#restButton());
    void this.#refresh(canGoOn);
  }

  #restButton(): HTMLElement {
    const row = made("p");
    const button = made("button", this.#words.say("rt.send-rest"), "btn main");
    button.setAttribute("type", "button");
    button.dataset["sending"] = "rest";
    button.addEventListener("click", () => void this.#send());
    row.append(button);
    return row;
  }

  /** The list of what arrived, as the server shows it now; what is to be done next has the focus. */
  async #refresh(canGoOn: boolean): Promise<void> {
    await this.#fetchArrived().catch(() => undefined); // the network is away: the list stays as it was
    const takeIn = document.querySelector<HTMLElement>('[data-part="take-in"]');
    const rest = this.#root.querySelector<HTMLElement>('[data-sending="rest"]');
    const hasRefused = !this.#part("refused").hidden;
    (canGoOn ? rest : hasRefused ? this.#part("outcome") : takeIn)?.focus();
  }

  async #fetchArrived(): Promise<void> {
    const answer = await fetch(location.pathname, { redirect: "manual" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const anew = page.querySelector('[data-part="arrived"]');
    if (anew) document.querySelector('[data-part="arrived"]')?.replaceWith(document.importNode(anew, true));
  }
}

const isThere = (seen: Seen, there: ReadonlySet<string>): boolean =>
  isHeader(seen.header) && there.has(`${seen.header.instance} ${seen.file.size}`);

const hasFaults = (found: Survey): boolean =>
  [found, ...found.rows.map((row) => row.checked)].some((each) => each?.findings.some((finding) => finding.isFault));

const root = document.querySelector<HTMLElement>("[data-part=sending]");
if (root) new Delivery(root);
