// A filter form that applies as soon as a box is ticked: the same page is fetched and its parts are exchanged.
import { LitElement } from "lit";

const PARTS = "[data-part]";
const WAIT_MS = 250;

/** Exchange every part of this page for the part of the same name in another; both were made by our server. */
function exchangeParts(fetched: Document): void {
  for (const part of document.querySelectorAll<HTMLElement>(PARTS)) {
    const name = part.dataset["part"];
    const fresh = fetched.querySelector(`[data-part="${name}"]`);
    if (fresh) part.replaceWith(document.adoptNode(fresh));
  }
}

class TianfuFilter extends LitElement {
  private waiting: number | undefined;
  private running: AbortController | undefined;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("change", this.onChange);
  }

  override disconnectedCallback(): void {
    this.removeEventListener("change", this.onChange);
    window.clearTimeout(this.waiting);
    this.running?.abort();
    super.disconnectedCallback();
  }

  private onChange = (): void => {
    window.clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => void this.apply(), WAIT_MS);
  };

  private async apply(): Promise<void> {
    const form = this.querySelector("form");
    if (!form) return;
    this.running?.abort();
    this.running = new AbortController();
    const address = new URL(form.action);
    address.search = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)])).toString();
    document.querySelector('[data-part="records"]')?.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { signal: this.running.signal, headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      exchangeParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
      history.replaceState(null, "", address);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      form.submit(); // The plain way shows the server's own words.
    }
  }
}

customElements.define("tianfu-filter", TianfuFilter);

document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLSelectElement && "submit" in event.target.dataset) event.target.form?.requestSubmit();
});
