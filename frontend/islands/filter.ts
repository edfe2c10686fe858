// A filter form that applies as soon as a box is ticked.
import { LitElement } from "lit";
import { show } from "./exchange";

const WAIT_MS = 250;

class TianfuFilter extends LitElement {
  private waiting: number | undefined;
  private running: AbortController | undefined;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("change", this.onChange);
    window.addEventListener("pageshow", this.onPageShow);
  }

  override disconnectedCallback(): void {
    this.removeEventListener("change", this.onChange);
    window.removeEventListener("pageshow", this.onPageShow);
    this.callOff();
    super.disconnectedCallback();
  }

  private callOff(): void {
    window.clearTimeout(this.waiting);
    this.running?.abort();
  }

  private onChange = (): void => {
    this.callOff();
    this.waiting = window.setTimeout(() => void this.apply(), WAIT_MS);
  };

  /** A page that comes back out of the browser's memory may hold boxes that were never applied. */
  private onPageShow = (event: PageTransitionEvent): void => {
    if (!event.persisted) return;
    this.callOff();
    this.querySelector("form")?.reset();
  };

  private async apply(): Promise<void> {
    const form = this.querySelector("form");
    if (!form) return;
    this.running = new AbortController();
    const asked = [...form.querySelectorAll<HTMLInputElement>("input[type=checkbox]")].map((box) => ({ box, on: box.checked }));
    if (await show(form, "records", this.running.signal)) asked.forEach(({ box, on }) => (box.defaultChecked = on));
  }
}

customElements.define("tianfu-filter", TianfuFilter);
