// Exchange what changed of a page for the same parts of another: focus stays, and a listener hears what is new.
const PARTS = "[data-part]";

/** Exchange every part of this page for the part of the same name in another; both were made by our server. */
function exchangeParts(fetched: Document): void {
  for (const part of document.querySelectorAll<HTMLElement>(PARTS)) {
    const fresh = fetched.querySelector(`[data-part="${part.dataset["part"]}"]`);
    if (fresh) part.replaceWith(document.adoptNode(fresh));
  }
}

/** Focus that an exchanged control had goes to the one that stands in its place. */
function keepFocus(exchange: () => void): void {
  const id = document.activeElement?.id;
  exchange();
  if (id && document.activeElement === document.body) document.getElementById(id)?.focus({ preventScroll: true });
}

/** Say what a part now shows in the page's status line, which is never exchanged itself. */
function tell(part: string): void {
  const line = document.getElementById("told");
  if (line) line.textContent = document.querySelector(`[data-part="${part}"] [data-told]`)?.textContent ?? "";
}

/** The address that a form would open. */
export function addressOf(form: HTMLFormElement): URL {
  const address = new URL(form.action);
  address.search = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)])).toString();
  return address;
}

/** Show what a form asks for without leaving the page, and say what `part` now shows; false if it was called off. */
export async function show(form: HTMLFormElement, part: string, signal: AbortSignal): Promise<boolean> {
  const address = addressOf(form);
  document.querySelector(`[data-part="${part}"]`)?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { signal, headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const fetched = new DOMParser().parseFromString(await answer.text(), "text/html");
    keepFocus(() => exchangeParts(fetched));
    history.replaceState(null, "", address);
    tell(part);
    return true;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return false;
    form.submit(); // The plain way shows the server's own words.
    return false;
  }
}
