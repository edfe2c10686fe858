// Keyboard first: "/" goes to the search field, J and K move along a list of results.
const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));

/** The search field that can be seen; the one in the bar is hidden on narrow screens. */
function findField(): HTMLInputElement | undefined {
  const fields = document.querySelectorAll<HTMLInputElement>("[data-find]");
  return [...fields].find((field) => field.offsetParent !== null);
}

function moveAlong(step: number): void {
  const rows = [...document.querySelectorAll<HTMLAnchorElement>("[data-rows] a")];
  if (rows.length === 0) return;
  const here = rows.findIndex((row) => row === document.activeElement);
  const next = here < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, here + step));
  rows[next]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "/") {
    const field = findField();
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  } else if (event.key === "j") moveAlong(1);
  else if (event.key === "k") moveAlong(-1);
});
