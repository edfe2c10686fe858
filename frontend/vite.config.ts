// Builds one style sheet, one script of islands and one sheet of drawings into the Python package.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Drawings are no modules, so they are handed to the bundle as they are; the manifest then knows their hashed names. */
function drawings(...sources: string[]): Plugin {
  return {
    name: "tianfu-drawings",
    buildStart() {
      for (const source of sources) {
        this.addWatchFile(here(source));
        const text = readFileSync(here(source), "utf8").replace(/<!--[\s\S]*?-->\s*/g, "");
        this.emitFile({ type: "asset", name: source.split("/").at(-1)!, originalFileName: source, source: text });
      }
    },
  };
}

export default defineConfig({
  plugins: [drawings("drawings/drawings.svg", "drawings/flower.svg")],
  base: "/static/",
  publicDir: false,
  build: {
    outDir: here("../src/tianfu/web/static/built"),
    emptyOutDir: true,
    manifest: true,
    assetsDir: ".",
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
    rolldownOptions: { input: [here("styles/site.css"), here("islands/index.ts")] },
  },
});
