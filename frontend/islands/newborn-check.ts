// Before the slot: can this device hear, be heard, reach the door of pictures and show them?  In plain words.
type Words = Record<string, string>;
type TongueOf = (text: string) => string | undefined;

/** A sentence, marked if it is in another language than the page. */
export function marked(text: string, tongueOf: TongueOf): Node {
  const tongue = tongueOf(text);
  if (!tongue) return document.createTextNode(text);
  const part = document.createElement("span");
  part.lang = tongue;
  part.textContent = text;
  return part;
}

/** Write sentences where they are said, each marked that is in another language than the page. */
export function write(part: HTMLElement, sentences: readonly string[], tongueOf: TongueOf): void {
  const said = sentences.map((text) => marked(text, tongueOf));
  part.replaceChildren(...said.flatMap((each, place) => (place ? [" ", each] : [each])));
}

function answer(root: HTMLElement, name: string, is: boolean, words: Words, tongueOf: TongueOf): void {
  const part = root.querySelector<HTMLElement>(`[data-check="${name}"] [data-answer]`);
  if (!part) return;
  part.dataset["is"] = is ? "good" : "bad";
  const text = words[`${name}-${is ? "good" : "bad"}`] ?? "";
  write(part, [text], tongueOf);
}

function canShow(): boolean {
  if (typeof RTCPeerConnection !== "function" || !window.isSecureContext || !("indexedDB" in window)) return false;
  const kinds = RTCRtpReceiver.getCapabilities("video")?.codecs.map((codec) => codec.mimeType.toLowerCase()) ?? [];
  return kinds.includes("video/h264") || kinds.includes("video/vp8");
}

async function reaches(): Promise<boolean> {
  const answered = await fetch("/media/whep", { method: "OPTIONS", signal: AbortSignal.timeout(3_000) });
  return answered.status === 204;
}

/** A short tone, which only he can hear. */
async function sounds(): Promise<void> {
  const context = new AudioContext();
  const tone = context.createOscillator();
  const volume = context.createGain();
  volume.gain.value = 0.2;
  tone.connect(volume).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 0.6);
  await new Promise((resolve) => (tone.onended = resolve));
  await context.close();
}

async function hears(): Promise<void> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  for (const track of stream.getTracks()) track.stop();
}

/** Fill the list of checks; what needs a permission or makes a noise waits for its button. */
export function checkDevice(root: HTMLElement, words: Words, tongueOf: TongueOf): void {
  answer(root, "browser", canShow(), words, tongueOf);
  reaches().then(
    (is) => answer(root, "network", is, words, tongueOf),
    () => answer(root, "network", false, words, tongueOf),
  );
  for (const [name, tries] of [["sound", sounds], ["microphone", hears]] as const) {
    root.querySelector(`[data-check="${name}"] button`)?.addEventListener("click", () => {
      tries().then(
        () => answer(root, name, true, words, tongueOf),
        () => answer(root, name, false, words, tongueOf),
      );
    });
  }
}
