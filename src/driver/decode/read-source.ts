// The only file of recognition that reads files: models by their content, and the folders that hold several.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { badInput } from '../../base/diagnostic.js';
import { externalDataReader } from '../../frontend/onnx/proto/external-files.js';
import type { OnnxModel } from '../../frontend/onnx/proto/model.js';
import { readOnnxModel } from '../../frontend/onnx/proto/read.js';
import { sniffModel } from '../../frontend/sniff.js';
import { readTorchArchive, type TorchArchive } from '../../frontend/torchscript/archive/read.js';

/** A model file that is read; `file` is its name in diagnostics. */
export type ReadModel =
  | { readonly kind: 'onnx'; readonly file: string; readonly model: OnnxModel }
  | { readonly kind: 'torchscript'; readonly file: string; readonly archive: TorchArchive };

/** @throws E3040 (no model), E3041 (cannot be read), and as readOnnxModel and readTorchArchive */
export function readModel(path: string): ReadModel {
  const bytes = readBytes(path);
  const file = basename(path);
  const found = sniffModel(bytes);
  if (found.kind === 'torchscript')
    return { kind: 'torchscript', file, archive: readTorchArchive(bytes, { file }) };
  if (found.kind !== 'onnx') {
    throw badInput(
      'E3040',
      `${file} is neither an ONNX model nor a TorchScript archive: it looks like ${found.looksLike}`,
      { file },
      found.hint,
    );
  }
  const model = readOnnxModel(bytes, { file, readExternal: externalDataReader(dirname(resolve(path))) });
  return { kind: 'onnx', file, model };
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'an error';
    throw badInput(
      'E3041',
      `the file cannot be read (${code})`,
      { file: path },
      'check the path and its permissions',
    );
  }
}

export function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/** What a folder that an exporter wrote holds. */
export interface ModelFolder {
  readonly path: string;
  /** Names of its ONNX files, the subfolder `onnx` included. */
  readonly models: readonly string[];
  /** Parsed configuration files by name. */
  readonly configs: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  read(name: string): ReadModel;
}

const CONFIG_FILES = ['config.json', 'generation_config.json'];

/** @throws E3041, E3043 (a configuration that is no JSON object) */
export function readFolder(path: string): ModelFolder {
  const list = (folder: string) => (isFolder(folder) ? readdirSync(folder).sort() : []);
  const inSubfolder = list(join(path, 'onnx')).map((name) => `onnx/${name}`);
  const configs = new Map(
    CONFIG_FILES.filter((name) => existsSync(join(path, name))).map(
      (name) => [name, readConfig(join(path, name))] as const,
    ),
  );
  return {
    path,
    models: [...list(path), ...inSubfolder].filter((name) => name.endsWith('.onnx')),
    configs,
    read: (name) => readModel(join(path, name)),
  };
}

function readConfig(path: string): Readonly<Record<string, unknown>> {
  const text = new TextDecoder().decode(readBytes(path));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badInput('E3043', `${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`, {
      file: path,
    });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw badInput('E3043', `${path} is no JSON object`, { file: path });
}
