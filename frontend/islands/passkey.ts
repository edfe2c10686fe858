// Passkeys: ask the device for one, put its answer into a form, and say in words what became of it.
// Web Authentication Level 3: https://www.w3.org/TR/webauthn-3/
type Words = "waiting" | "calledOff" | "tooSlow" | "known" | "elsewhere" | "unfit" | "failed";

interface AskedKey {
  readonly id: string;
  readonly type: "public-key";
}

interface Asked {
  readonly challenge: string;
  readonly timeout: number;
  readonly user?: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly excludeCredentials?: readonly AskedKey[];
  readonly allowCredentials?: readonly AskedKey[];
}

/** The browser's clock and ours do not start at one moment. */
const CLOCKS_APART_MS = 1_000;

const isAble = (): boolean => typeof window.PublicKeyCredential === "function" && "credentials" in navigator;

/** Show what a browser with passkeys needs, or the sentence that says what to do instead. */
function dress(root: ParentNode): void {
  for (const part of root.querySelectorAll<HTMLElement>("[data-able]")) part.hidden = !isAble();
  for (const part of root.querySelectorAll<HTMLElement>("[data-unable]")) part.hidden = isAble();
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(value: ArrayBuffer): string {
  const plain = String.fromCharCode(...new Uint8Array(value));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

const keys = (asked: readonly AskedKey[] = []): PublicKeyCredentialDescriptor[] =>
  asked.map((key) => ({ ...key, id: bytes(key.id) }));

/** What a new passkey says, as JSON. */
async function made(asked: Asked): Promise<string> {
  const options = {
    ...asked,
    challenge: bytes(asked.challenge),
    user: { ...asked.user, id: bytes(asked.user?.id ?? "") },
    excludeCredentials: keys(asked.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
  const key = (await navigator.credentials.create({ publicKey: options })) as PublicKeyCredential;
  const response = key.response as AuthenticatorAttestationResponse;
  return told(key, { clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject) });
}

/** What a passkey that was shown says, as JSON. */
async function shown(asked: Asked): Promise<string> {
  const options = {
    ...asked,
    challenge: bytes(asked.challenge),
    allowCredentials: keys(asked.allowCredentials),
  } as unknown as PublicKeyCredentialRequestOptions;
  const key = (await navigator.credentials.get({ publicKey: options })) as PublicKeyCredential;
  const response = key.response as AuthenticatorAssertionResponse;
  return told(key, {
    clientDataJSON: text(response.clientDataJSON),
    authenticatorData: text(response.authenticatorData),
    signature: text(response.signature),
    userHandle: response.userHandle ? text(response.userHandle) : null,
  });
}

const told = (key: PublicKeyCredential, response: Record<string, string | null>): string =>
  JSON.stringify({ id: key.id, rawId: text(key.rawId), type: key.type, response });

/** Which words say why a device gave nothing; it tells nobody whether its owner called it off or was too slow. */
function why(error: unknown, waitedMs: number, timeoutMs: number): Words {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "AbortError") return waitedMs < timeoutMs - CLOCKS_APART_MS ? "calledOff" : "tooSlow";
  if (name === "InvalidStateError") return "known";
  if (name === "SecurityError") return "elsewhere";
  if (name === "NotSupportedError" || name === "ConstraintError") return "unfit";
  return "failed";
}

class Way extends HTMLElement {
  connectedCallback(): void {
    dress(this);
  }
}

class Passkey extends HTMLElement {
  #isAsking = false;

  connectedCallback(): void {
    dress(this);
    if (!isAble()) return;
    this.addEventListener("submit", this.#onSubmit);
    if ("atOnce" in this.dataset) void this.#ask();
  }

  #onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#ask();
  };

  async #ask(): Promise<void> {
    const form = this.querySelector("form");
    const answer = form?.elements.namedItem("answer");
    if (this.#isAsking || !form || !(answer instanceof HTMLInputElement)) return;
    const asked = JSON.parse(this.dataset["options"] ?? "{}") as Asked;
    const began = performance.now();
    this.#isAsking = true;
    this.#say("waiting", undefined);
    try {
      answer.value = await (this.dataset["act"] === "make" ? made(asked) : shown(asked));
      form.submit(); // past our own listener
    } catch (error) {
      this.#isAsking = false;
      this.#say(undefined, why(error, performance.now() - began, asked.timeout));
    }
  }

  #say(status: Words | undefined, alert: Words | undefined): void {
    this.#put("[data-status]", status);
    this.#put("[data-alert]", alert);
  }

  #put(place: string, words: Words | undefined): void {
    const line = this.querySelector(place);
    if (line) line.textContent = words ? (this.dataset[words] ?? "") : "";
  }
}

customElements.define("tianfu-passkey-way", Way);
customElements.define("tianfu-passkey", Passkey);
