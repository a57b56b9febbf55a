// Bundles phoenix_nbtrain/widgets/js/ into phoenix_nbtrain/widgets/static/; with --watch again whenever a file is saved.
//
// A view is one module. Its parts (dialogs, editors) are modules of their own, which the kernel delivers when they are
// first used: a saved notebook holds each view's text and need not hold theirs. A part imports like any other module,
// but what its view has loaded is not bundled again: a part is `export default (require) => …`, and its view hands
// over what it shares (`common/parts.ts`).

import { watch } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";

const widgets = fileURLToPath(new URL("../phoenix_nbtrain/widgets/", import.meta.url));
const sources = path.join(widgets, "js");
const target = path.join(widgets, "static");

const VIEWS = {
  "grid/grid.ts": ["bulk_actions", "caption_editor", "captions_dialog", "replace_dialog", "shortcuts_help", "viewer"],
  "pairs/pairs.ts": ["compare_dialog", "files_dialog", "input", "paste", "shortcuts_help", "template_dialog"],
  "panels/panels.ts": [],
  "progress/progress.ts": [],
};
const STYLES = ["grid/grid.css", "pairs/pairs.css", "panels/panels.css", "picker/folder.css", "snapshot/snapshot.css"];

/** @type {esbuild.BuildOptions} */
const options = {
  absWorkingDir: sources,
  bundle: true,
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  minify: true,
  // What JupyterLab 4 supports: the browsers of the last two years.
  target: ["chrome120", "firefox121", "safari17"],
  write: false,
};

/** @param {string} entry @param {esbuild.BuildOptions} [more] */
async function bundle(entry, more) {
  const { outputFiles, metafile } = await esbuild.build({ ...options, ...more, entryPoints: [entry] });
  return { text: outputFiles[0].text, inputs: Object.keys(metafile.inputs) };
}

/** Imports of `modules`, which a view has loaded, become calls of `require`. @param {Set<string>} modules */
function shared(modules) {
  return {
    name: "shared",
    /** @param {esbuild.PluginBuild} build */
    setup(build) {
      build.onResolve({ filter: /^\.\.?\// }, ({ path: name, resolveDir }) => {
        const file = `${path.relative(sources, path.resolve(resolveDir, name)).replaceAll(path.sep, "/")}.ts`;
        return modules.has(file) ? { path: file.slice(0, -3), external: true } : undefined;
      });
    },
  };
}

/** @returns {Promise<Map<string, string>>} texts by their file's name in static/ */
async function bundles() {
  const texts = new Map();
  for (const [entry, parts] of Object.entries(VIEWS)) {
    const folder = path.dirname(entry);
    const view = await bundle(entry, { format: "esm" });
    texts.set(`${folder}.js`, view.text);
    for (const part of parts) {
      const { text } = await bundle(`${folder}/${part}.ts`, {
        format: "cjs",
        plugins: [shared(new Set(view.inputs))],
        banner: { js: "export default (require)=>{const module={};" },
        footer: { js: "return module.exports.default}" },
      });
      for (const [, name] of text.matchAll(/require\("([^"]+)"\)/g)) {
        if (!view.text.includes(`"${name}":`))
          throw new Error(`${folder}/${part} needs ${name}: let ${entry} share it.`);
      }
      texts.set(`${folder}/${part}.js`, text);
    }
  }
  for (const entry of STYLES) texts.set(path.basename(entry), (await bundle(entry)).text);
  return texts;
}

/** Write what has changed, and remove what is no bundle any more. */
async function write() {
  const texts = await bundles();
  const old = await readdir(target, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const file of old) {
    const at = path.join(file.parentPath ?? file.path, file.name);
    if (file.isFile() && !texts.has(path.relative(target, at).replaceAll(path.sep, "/"))) await rm(at);
  }
  for (const [name, text] of texts) {
    const at = path.join(target, name);
    if ((await readFile(at, "utf8").catch(() => null)) === text) continue;
    await mkdir(path.dirname(at), { recursive: true });
    await writeFile(at, text);
    console.log(`${name}: ${Buffer.byteLength(text).toLocaleString("en")} bytes`);
  }
}

await write();
if (process.argv.includes("--watch")) {
  let timer;
  watch(sources, { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => write().catch((error) => console.error(error.message)), 50);
  });
  console.log("Watching phoenix_nbtrain/widgets/js …");
}
