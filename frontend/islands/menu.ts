// Menus that apply at once when chosen with a pointer, but wait for Enter or the next field when moved through by keys.
import { addressOf, show } from "./exchange";

let movedByKeys = false;
let running: AbortController | undefined;
let asked = "";

const menuIn = (target: EventTarget | null): HTMLSelectElement | undefined =>
  target instanceof HTMLSelectElement && "menu" in target.dataset ? target : undefined;

function apply(form: HTMLFormElement | null): void {
  const part = form?.dataset["exchange"];
  if (!form || !part) return;
  movedByKeys = false;
  const wish = String(addressOf(form));
  if (wish === asked || wish === location.href) return; // leaving a menu both ends its focus and tells of its change
  asked = wish;
  running?.abort();
  running = new AbortController();
  void show(form, part, running.signal).finally(() => (asked = asked === wish ? "" : asked));
}

document.addEventListener("pointerdown", (event) => {
  if (menuIn(event.target)) movedByKeys = false;
});

document.addEventListener("keydown", (event) => {
  const menu = menuIn(event.target);
  if (!menu || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== "Enter") movedByKeys = true;
  else if (isUnapplied(menu)) {
    event.preventDefault();
    apply(menu.form);
  }
});

document.addEventListener("change", (event) => {
  const menu = menuIn(event.target);
  if (menu && !movedByKeys) apply(menu.form);
});

document.addEventListener("focusout", (event) => {
  const menu = menuIn(event.target);
  if (!menu?.isConnected) return;
  if (movedByKeys && isUnapplied(menu)) apply(menu.form);
  movedByKeys = false;
});

document.addEventListener("submit", (event) => {
  if (!(event.target instanceof HTMLFormElement) || !event.target.dataset["exchange"]) return;
  event.preventDefault();
  apply(event.target);
});

/** Whether another choice stands in the menu than the page was made for. */
function isUnapplied(menu: HTMLSelectElement): boolean {
  return [...menu.options].some((option) => option.selected !== option.defaultSelected);
}
