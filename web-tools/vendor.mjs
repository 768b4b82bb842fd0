// `make vendor`: bundles the libraries of the reader's page into src/qdpi/web/vendor, with their licences and VENDOR.json.
//
// Versions and checksums of the packages are those of package-lock.json, which `npm ci` has verified.
// The same versions give the same bytes.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import ts from "typescript";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const WEB = path.join(HERE, "..", "src", "qdpi", "web");
const BUNDLES = ["vendor", "fuzzy", "ring", "hash"];
const PERMISSIVE = new Set(["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "OFL-1.1"]);
/** What Trusted Types and the content security policy refuse. */
const REFUSED = /\beval\s*\(|\bnew\s+Function\b|[^.\w]Function\s*\(/;

const lock = JSON.parse(await readFile(path.join(HERE, "package-lock.json"), "utf8"));

/** Bundle one entry; return its bytes, its exports and the packages within. */
async function bundle(name) {
  const made = await build({
    absWorkingDir: HERE,
    entryPoints: [`entries/${name}.js`],
    bundle: true,
    format: "esm",
    legalComments: "none",
    metafile: true,
    minify: true,
    target: "es2022",
    write: false,
    logLevel: "warning",
  });
  const [output] = Object.values(made.metafile.outputs);
  const text = made.outputFiles[0].text;
  const found = REFUSED.exec(text);
  if (found) throw new Error(`${name}.js has ${found[0]}, which the page's security policy refuses. Take another library.`);
  return { file: `vendor/${name}.js`, text, exports: output.exports.toSorted(), packages: packagesOf(Object.keys(output.inputs)) };
}

/** Name the packages that files under node_modules belong to. */
function packagesOf(inputs) {
  const names = inputs.map((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]);
  return new Set(names.filter((name) => name !== undefined));
}

/** Describe a package as the lock has it, and read its licence's text. */
async function describe(name) {
  const { version, license, integrity } = lock.packages[`node_modules/${name}`];
  if (!PERMISSIVE.has(license)) throw new Error(`${name} ${version} is under ${license}, which is not permissive. Take another library.`);
  const folder = path.join(HERE, "node_modules", name);
  const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
  if (!file) throw new Error(`${name} ${version} ships no text of its licence. Take another version.`);
  const text = (await readFile(path.join(folder, file), "utf8")).replaceAll("\r\n", "\n").trimEnd() + "\n";
  return { name, version, licence: license, integrity, file: `vendor/licences/${name.replace("@", "").replace("/", "-")}.txt`, text };
}

/** Return the declarations of an entry, by which `h(Component, props)` is checked in the page's modules. */
function declarationsOf(name) {
  const options = {
    allowJs: true,
    checkJs: true,
    declaration: true,
    emitDeclarationOnly: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    skipLibCheck: true,
    strict: true,
    target: ts.ScriptTarget.ES2022,
  };
  const program = ts.createProgram([path.join(HERE, "entries", `${name}.js`)], options);
  const faults = ts.getPreEmitDiagnostics(program);
  if (faults.length > 0) throw new Error(faults.map((each) => ts.flattenDiagnosticMessageText(each.messageText, "\n")).join("\n"));
  let text = "";
  program.emit(undefined, (file, content) => (text = path.basename(file) === `${name}.d.ts` ? content : text));
  return text.replaceAll("\r\n", "\n");
}

const sha256 = (content) => createHash("sha256").update(content).digest("hex");

async function write(file, content) {
  await mkdir(path.dirname(path.join(WEB, file)), { recursive: true });
  await writeFile(path.join(WEB, file), content);
}

const bundles = await Promise.all(BUNDLES.map(bundle));
const names = [...new Set(bundles.flatMap((each) => [...each.packages]))].toSorted();
const packages = await Promise.all(names.map(describe));

await rm(path.join(WEB, "vendor", "licences"), { recursive: true, force: true });
const declarations = BUNDLES.map((name) => ({ file: `vendor/${name}.d.ts`, text: declarationsOf(name) }));
for (const each of [...bundles, ...declarations, ...packages]) await write(each.file, each.text);

const esbuild = lock.packages["node_modules/esbuild"];
const libraries = {
  made_by: { command: "make vendor", tool: "esbuild", version: esbuild.version, integrity: esbuild.integrity },
  files: Object.fromEntries([
    ...bundles.map(({ file, text, exports, packages: within }) => [
      file,
      { sha256: sha256(text), bytes: Buffer.byteLength(text), exports, packages: [...within].toSorted() },
    ]),
    ...declarations.map(({ file, text }) => [file, { sha256: sha256(text), bytes: Buffer.byteLength(text) }]),
  ]),
  packages: packages.map(({ name, version, licence, integrity, file, text }) => ({
    name, version, licence, integrity, licence_text: file, licence_sha256: sha256(text),
  })),
};
const listed = JSON.parse(await readFile(path.join(WEB, "vendor", "VENDOR.json"), "utf8"));
await write("vendor/VENDOR.json", JSON.stringify({ ...listed, libraries }, null, 2) + "\n");
for (const { file, text } of bundles) console.log(`${file}: ${Buffer.byteLength(text)} bytes, sha256 ${sha256(text)}`);
