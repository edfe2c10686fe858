// Seconds that run down beside a time limit which the server keeps: at the end the page asks the server what holds.
const MINUTE = 60;
const SOON = 5 * MINUTE;

class Countdown extends HTMLElement {
  #timer = 0;

  connectedCallback(): void {
    const seconds = Number(this.dataset["seconds"]);
    if (!Number.isFinite(seconds) || seconds <= 0) return;
    const end = performance.now() + seconds * 1000;
    let wasSoon = seconds <= SOON;
    this.#timer = window.setInterval(() => {
      const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      this.#show(left);
      if (left <= SOON && !wasSoon) {
        wasSoon = true;
        this.#tell();
      }
      if (left === 0) {
        window.clearInterval(this.#timer);
        location.reload();
      }
    }, 1000);
  }

  disconnectedCallback(): void {
    window.clearInterval(this.#timer);
  }

  #show(left: number): void {
    const clock = this.querySelector(".clock");
    if (clock) clock.textContent = `${Math.floor(left / MINUTE)}:${String(left % MINUTE).padStart(2, "0")}`;
  }

  /** Said once to screen readers; a clock that spoke every second would drown everything else. */
  #tell(): void {
    const status = this.querySelector("[role=status]");
    if (status) status.textContent = this.dataset["soon"] ?? "";
  }
}

customElements.define("tianfu-countdown", Countdown);
