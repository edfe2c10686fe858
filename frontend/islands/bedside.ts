// At the bed: tells the server that somebody is there while the page is open and touched, and leads from scan to
// scan.
const BEAT = 5_000;
/** Who has touched nothing for so long counts as gone; asked a minute before. */
const TOUCHED_WITHIN = 180_000;
const ASKED_AFTER = 120_000;

let touched = performance.now();
for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, () => (touched = performance.now()), { capture: true, passive: true });
}

function beat(place: HTMLElement, address: string): void {
  const idle = performance.now() - touched;
  const status = place.querySelector<HTMLElement>("[data-part=here]");
  if (status) status.textContent = idle > ASKED_AFTER ? (place.dataset["still"] ?? "") : "";
  if (idle > TOUCHED_WITHIN || document.visibilityState !== "visible") return;
  void fetch(address, { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" } })
    .then((answer) => called(place, answer.headers.get("tianfu-calls") ?? ""))
    .catch(() => undefined);
}

/** A family that waits for an answer: one touch leads to its bed.  What the page shows already is not said again. */
function called(place: HTMLElement, visits: string): void {
  const said = place.querySelector<HTMLElement>("[data-part=calls]");
  const [first] = visits.split(",").filter((visit) => visit !== "" && visit !== place.dataset["known"]);
  if (!said || said.dataset["visit"] === first) return;
  said.replaceChildren();
  if (first === undefined) return void delete said.dataset["visit"];
  const link = document.createElement("a");
  link.className = "btn line wide";
  link.href = `/newborn/visits/${encodeURIComponent(first)}`;
  link.textContent = place.dataset["called"] ?? "";
  said.dataset["visit"] = first;
  said.append(link);
}

for (const place of document.querySelectorAll<HTMLElement>("[data-here]")) {
  const address = place.dataset["here"];
  if (!address) continue;
  beat(place, address);
  setInterval(() => beat(place, address), BEAT);
}

// A scanner types a code and Enter, which sends the form: each scan by itself, so that the server knows when it was
// made.  The next field that is still empty has the focus, so that three scans in a row need no touch.
const fields = [...document.querySelectorAll<HTMLInputElement>("input[data-scan]")];
fields[0]?.focus();

// Where the browser reads codes by itself, a camera may take the scanner's place.
interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
type Detectors = { BarcodeDetector?: new () => Detector };

async function read(field: HTMLInputElement, detector: Detector): Promise<void> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  field.after(video);
  try {
    await video.play();
    while (field.value === "" && video.isConnected) {
      const [found] = await detector.detect(video);
      if (found) {
        field.value = found.rawValue;
        field.form?.requestSubmit();
      }
      else await new Promise(requestAnimationFrame);
    }
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.remove();
  }
}

const policy = (document as unknown as { featurePolicy?: { allowsFeature(name: string): boolean } }).featurePolicy;
const Made = (window as unknown as Detectors).BarcodeDetector;
if (Made && policy?.allowsFeature("camera") && fields.length > 0) {
  for (const field of fields) {
    const label = document.querySelector(`label[for="${field.id}"]`)?.textContent ?? "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn line";
    button.textContent = `${field.dataset["camera"] ?? ""} ${label}`.trim();
    button.addEventListener("click", () => void read(field, new Made()).catch(() => field.focus()));
    field.after(button);
  }
}
