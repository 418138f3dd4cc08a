// A model file to an artifact, whatever it holds: a decoding loop becomes a loop of executions (as `--decode auto` makes it), any
// other graph one executable.
import type { ArtifactDraft } from '../artifact/model.js';
import { type CompileOptions, type CompileReport, compileModel } from './compile.js';
import { isDecodeSource } from './decode/recognise.js';
import { compileDecode } from './generate/decode-request.js';

export interface CompiledSource {
  readonly draft: ArtifactDraft;
  readonly report: CompileReport;
}

/** @throws as compileModel and compileDecode */
export function compileSource(model: string, options: CompileOptions): CompiledSource {
  if (!isDecodeSource({ model })) return compileModel(model, options);
  const flags = { inputShapes: options.inputShapes, bind: [], state: [] };
  return compileDecode(
    {
      files: { model },
      flags,
      variant: 'auto',
      objective: 'mean',
      incremental: 'auto',
      residentState: false,
    },
    options,
  );
}
