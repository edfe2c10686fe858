// A cursor on a line chart: the point nearest to the pointer, or to the arrow keys, says its value and day.
import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from "lit";

interface Spot {
  readonly mark: SVGGraphicsElement;
  readonly x: number;
  readonly said: string;
}

class TianfuChart extends LitElement {
  static override properties = { place: { state: true } };
  declare place: number | undefined;
  private spots: readonly Spot[] = [];

  constructor() {
    super();
    this.place = undefined;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.spots = [...this.querySelectorAll<SVGGraphicsElement>(".mark[data-said]")]
      .map((mark) => ({ mark, x: mark.getBBox().x + mark.getBBox().width / 2, said: mark.dataset["said"] ?? "" }))
      .sort((one, other) => one.x - other.x);
    const chart = this.querySelector("svg");
    if (!chart || this.spots.length === 0) return;
    this.scrollLeft = this.scrollWidth; // where it does not fit, the newest values are seen first
    this.addEventListener("pointermove", (event) => this.pointAt(chart, event.clientX));
    this.addEventListener("pointerleave", () => (this.place = undefined));
    this.addEventListener("keydown", this.onKey);
    this.addEventListener("blur", () => (this.place = undefined));
  }

  private pointAt(chart: SVGSVGElement, clientX: number): void {
    const matrix = chart.getScreenCTM();
    if (!matrix) return;
    const x = (clientX - matrix.e) / matrix.a;
    const distances = this.spots.map((spot) => Math.abs(spot.x - x));
    this.place = distances.indexOf(Math.min(...distances));
  }

  private onKey = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (event.key === "Escape") this.place = undefined;
    if (step === 0) return;
    event.preventDefault();
    const last = this.spots.length - 1;
    this.place = this.place === undefined ? last : Math.min(last, Math.max(0, this.place + step));
  };

  protected override updated(changed: PropertyValues): void {
    if (!changed.has("place")) return;
    this.spots.forEach((spot, place) => spot.mark.classList.toggle("here", place === this.place));
  }

  protected override createRenderRoot(): HTMLElement {
    const root = document.createElement("div");
    root.className = "chart-said";
    this.append(root);
    return root;
  }

  protected override render(): TemplateResult {
    const spot = this.place === undefined ? undefined : this.spots[this.place];
    return html`<p class="small" role="status">${spot ? spot.said : nothing}</p>`;
  }
}

customElements.define("tianfu-chart", TianfuChart);
