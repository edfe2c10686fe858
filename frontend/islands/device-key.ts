// This device's own key (P-256, never readable by anybody, kept in the browser's database), and what it signs: a
// request to the door of pictures, with its body and the grant that is shown (after RFC 9449).
const DATABASE = "tianfu-device";
const STORE = "keys";
const NAME = "door";
const KIND = { name: "ECDSA", namedCurve: "P-256" } as const;

let held: Promise<CryptoKeyPair> | undefined;

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("database"));
  });
}

async function kept(): Promise<CryptoKeyPair> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await done(opening);
  try {
    const found = (await done(database.transaction(STORE).objectStore(STORE).get(NAME))) as CryptoKeyPair | undefined;
    if (found) return found;
    const made = await crypto.subtle.generateKey(KIND, false, ["sign", "verify"]);
    await done(database.transaction(STORE, "readwrite").objectStore(STORE).put(made, NAME));
    return made;
  } finally {
    database.close();
  }
}

const pair = (): Promise<CryptoKeyPair> => (held ??= kept());

export interface PublicKey {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y: string;
}

/** The public half as a JWK with its required members alone. */
export async function publicKey(): Promise<PublicKey> {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", (await pair()).publicKey);
  return { kty: kty ?? "", crv: crv ?? "", x: x ?? "", y: y ?? "" };
}

function letters(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

const encoded = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);
const digest = async (value: string): Promise<string> =>
  letters(new Uint8Array(await crypto.subtle.digest("SHA-256", encoded(value))));

/** What this device signs for one request that shows a grant. */
export async function proof(method: string, address: string, body: string, grant: string, visit: string): Promise<string> {
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: await publicKey() };
  const claims = { htm: method, htu: address, body: await digest(body), ath: grant ? await digest(grant) : "", visit };
  const signed = `${letters(encoded(JSON.stringify(header)))}.${letters(encoded(JSON.stringify(claims)))}`;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, (await pair()).privateKey, encoded(signed));
  return `${signed}.${letters(new Uint8Array(signature))}`;
}
