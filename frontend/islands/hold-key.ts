// A key that is held down to speak: by a finger, by Space and Enter, by a screen reader's press, or by two touches.

export interface Held {
  readonly isPressed: () => boolean;
  /** Whether one touch begins and another ends. */
  readonly isTap: () => boolean;
  readonly press: () => void;
  readonly release: () => void;
}

export function holdKey(key: HTMLElement, held: Held): void {
  const down = (): void => {
    if (held.isTap() && held.isPressed()) held.release();
    else held.press();
  };
  const up = (): void => {
    if (!held.isTap()) held.release();
  };
  key.addEventListener("pointerdown", (event) => {
    key.setPointerCapture(event.pointerId);
    down();
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) key.addEventListener(kind, up);
  key.addEventListener("contextmenu", (event) => event.preventDefault());
  const isKey = (event: KeyboardEvent): boolean => event.key === " " || event.key === "Enter";
  key.addEventListener("keydown", (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    if (!event.repeat) down();
  });
  key.addEventListener("keyup", (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    up();
  });
  // A screen reader's own press comes as a click without pointer or key: it turns on and off.
  key.addEventListener("click", (event) => {
    if (event.detail === 0 && !held.isTap()) held.isPressed() ? held.release() : held.press();
  });
  key.addEventListener("blur", () => held.release());
}
