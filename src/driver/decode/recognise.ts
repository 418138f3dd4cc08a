// Which form a source that generates has, and its recogniser.
import { basename } from 'node:path';
import { onnxSource } from './onnx-source.js';
import { recognisePair } from './pair.js';
import { isFolder, readModel } from './read-source.js';
import type { DecodeFlags, RecognisedDecode } from './request.js';
import { recogniseTeacher } from './teacher.js';

/** The files of a source: one model (or folder), or a pair. */
export type RecogniseRequest =
  | { readonly model: string; readonly decoderFile?: string }
  | { readonly encoder: string; readonly decoder: string; readonly decoderPast?: string };

export function recognise(request: RecogniseRequest, flags: DecodeFlags): RecognisedDecode {
  const source = (path: string) => onnxSource(readModel(path).model, basename(path));
  if ('model' in request) return recogniseTeacher(source(request.model), flags);
  const { encoder, decoder, decoderPast } = request;
  return recognisePair({ encoder: source(encoder), decoder: source(decoder), ...(decoderPast !== undefined && { later: source(decoderPast) }) }, flags);
}

/** Whether the source itself is of a form that generates: a decoding loop, or a folder of models. */
export function holdsLoop(path: string): boolean {
  return isFolder(path);
}
