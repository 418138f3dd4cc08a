// What sections share: options, folders, the models and the artifacts, each made when first asked for and kept for the run.
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './child.mjs';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RESULTS = join(ROOT, 'bench', 'results');
/** The OCR encoder takes images of any width; this is the one of the fixtures. */
export const OCR_SHAPE = [1, 1, 32, 512];
export const OCR_FLAGS = ['--input-shape', `image=${OCR_SHAPE.join('x')}`];

export const CLI = join(ROOT, 'bin', 'neffc.js');

export class Context {
  #options;
  #made = new Map();

  constructor(options) {
    this.#options = options;
    mkdirSync(RESULTS, { recursive: true });
  }

  /** Rounds of a measurement whose median counts. */
  get rounds() {
    return this.#options.quick ? 3 : 7;
  }

  /** A second Node to measure with; undefined where there is none. */
  get node24() {
    return this.#options.node24;
  }

  /** The folder of an option, or its default beside the repository; undefined where neither exists. */
  folder(name) {
    const path = this.#options[name] ? resolve(this.#options[name]) : join(ROOT, '..', 'shared', name);
    return existsSync(path) ? path : undefined;
  }

  /** ResNet-50 of a batch size: made, unless one was given. */
  async resnet(batch) {
    if (batch === 1 && this.#options.resnet) return resolve(this.#options.resnet);
    return this.#once(`resnet50-b${batch}.onnx`, async (path) => {
      if (!existsSync(path)) await runChild(child('make-resnet50'), [path, String(batch)]);
    });
  }

  /** The OCR encoder of the fixtures. */
  get ocrEncoder() {
    return join(ROOT, 'fixtures', 'ocr', 'ocr_encoder.onnx');
  }

  /** What `neffc compile model -o NAME.neff flags` writes. */
  artifact(name, model, ...flags) {
    return this.#once(`${name}.neff`, (path) => runChild(CLI, ['compile', model, '-o', path, ...flags]));
  }

  async #once(name, make) {
    const path = join(RESULTS, name);
    if (!this.#made.has(name)) this.#made.set(name, make(path));
    await this.#made.get(name);
    return path;
  }
}

/** A file that the bench makes. */
export const result = (name) => join(RESULTS, name);

/** A script that is measured in a process of its own. */
export const child = (name) => join(ROOT, 'bench', 'children', `${name}.mjs`);

/** A module of the built compiler. */
export const built = (path) => import(new URL(`../../dist/${path}.js`, import.meta.url).href);

/** The artifact of a file. */
export async function readArtifact(path) {
  const { readArtifactFile } = await built('artifact/read');
  return readArtifactFile(path);
}
