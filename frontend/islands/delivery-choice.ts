// Files that somebody chose or dropped, folders and all, and the heads of them.
import type { Seen } from "./delivery-survey";
import { readHeader } from "./dicom-header";

const AT_ONCE = 8;

export interface Chosen {
  readonly file: File;
  readonly name: string;
}

/** What an input holds. */
export const chosenIn = (input: HTMLInputElement): Chosen[] =>
  [...(input.files ?? [])].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

/** What was dropped; must be called while the event lasts, and stops at `most` files. */
export async function dropped(data: DataTransfer, most: number): Promise<Chosen[]> {
  const items = [...data.items].map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found: Chosen[] = [];
  for (const { entry, file } of items) {
    if (entry) await gather(entry, found, most);
    else if (file) found.push({ file, name: file.name }); // out of a program that has no folders
  }
  return found;
}

async function gather(entry: FileSystemEntry, found: Chosen[], most: number): Promise<void> {
  if (found.length > most) return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ file, name: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) await gather(each, found, most);
  }
}

/** The heads of all of them by name, for a folder gives its files in any order; one that cannot be read is no object. */
export async function heads(choice: readonly Chosen[], tell: (done: number) => void): Promise<Seen[]> {
  const chosen = [...choice].sort((one, other) => (one.name < other.name ? -1 : 1));
  const seen: Seen[] = [];
  let next = 0;
  let done = 0;
  const runner = async (): Promise<void> => {
    for (let at = next++; at < chosen.length; at = next++) {
      const one = chosen[at];
      if (!one) return;
      seen[at] = { ...one, header: await readHeader(one.file).catch(() => null) };
      tell(++done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runner));
  return seen;
}
