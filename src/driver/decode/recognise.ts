// The entry of recognition: files that hold a decoding model, in whatever form, to the one structure that variants are built
// from. Here it is decided which form a request has; each form has a file of its own.
import { choosesInLoop, hasWhile } from '../../frontend/torchscript/signature.js';
import { staticShape } from '../../ir/type.js';
import { recogniseLoop } from './loop.js';
import { onnxInputPorts, onnxLoopSite } from './onnx-loop.js';
import { findDecodeLoop } from './onnx-loop-parts.js';
import { onnxSource } from './onnx-source.js';
import { isOptimumFolder, recogniseFolder } from './optimum.js';
import { recognisePair } from './pair.js';
import { isFolder, type ReadModel, readFolder, readModel } from './read-source.js';
import type { DecodeFlags, RecognisedDecode, SourceModel } from './request.js';
import { bindPorts } from './shapes.js';
import { recogniseTeacher } from './teacher.js';
import { torchLoopSite } from './torch-loop.js';
import { torchSource } from './torch-source.js';

export type RecogniseRequest =
  /** A model file or a folder; `decoderFile` picks one of a folder's decoders. */
  | { readonly model: string; readonly decoderFile?: string }
  | { readonly encoder: string; readonly decoder: string; readonly decoderPast?: string };

/**
 * @throws E4201 to E4211 where a property is missing, each naming the option that supplies it; E2210, E2211; and what
 *   reading and importing the files throws
 */
export function recognise(files: RecogniseRequest, flags: DecodeFlags): RecognisedDecode {
  if ('encoder' in files) {
    const { encoder, decoder, decoderPast } = files;
    const later = decoderPast === undefined ? undefined : sourceOf(readModel(decoderPast));
    const pair = { encoder: sourceOf(readModel(encoder)), decoder: sourceOf(readModel(decoder)) };
    return recognisePair({ ...pair, ...(later && { later }) }, flags);
  }
  if (isFolder(files.model)) return recogniseFolder(readFolder(files.model), files.decoderFile, flags);
  const read = readModel(files.model);
  if (read.kind === 'torchscript') return recogniseArchive(read, flags);
  const loop = findDecodeLoop(read.model);
  if (loop !== undefined) {
    const { types, diagnostics } = bindPorts(
      onnxInputPorts(read.model),
      flags.inputShapes,
      read.file,
      flags.batch,
    );
    return recogniseLoop(onnxLoopSite(read.model, read.file, loop, types), flags, diagnostics);
  }
  return recogniseTeacher(sourceOf(read), flags);
}

function recogniseArchive(
  read: Extract<ReadModel, { kind: 'torchscript' }>,
  flags: DecodeFlags,
): RecognisedDecode {
  const site = hasWhile(read.archive) ? torchLoopSite(read.archive, read.file, flags.inputShapes) : undefined;
  if (site === undefined) return recogniseTeacher(sourceOf(read), flags);
  const ports = site.prologue.graph.body.params.map(({ name, type }) => ({
    name,
    dtype: type.dtype,
    dims: staticShape(type),
  }));
  bindPorts(ports, new Map(), read.file, flags.batch);
  return recogniseLoop(site, flags, []);
}

function sourceOf(read: ReadModel): SourceModel {
  return read.kind === 'onnx' ? onnxSource(read.model, read.file) : torchSource(read.archive, read.file);
}

export function holdsLoop(model: string): boolean {
  return isDecodeSource({ model });
}

/** Whether `--decode auto` makes a loop of the source: it holds one, is a folder of an exporter, or is a pair of files. */
export function isDecodeSource(files: RecogniseRequest): boolean {
  if ('encoder' in files) return true;
  if (isFolder(files.model)) return isOptimumFolder(readFolder(files.model));
  const read = readModel(files.model);
  return read.kind === 'onnx' ? findDecodeLoop(read.model) !== undefined : choosesInLoop(read.archive);
}
