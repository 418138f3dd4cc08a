// The validator of artifacts, independent of the compiler: it reads what was written and nothing else. Each part opens with its
// invariants; all violations are reported. An artifact without any can be loaded; whether its programs race or wait for ever is
// for the simulator's checks to prove.
import type { Diagnostic } from '../../base/diagnostic.js';
import type { Artifact } from '../model.js';
import { checkCode } from './code.js';
import { checkConstants, checkDebug, checkNames } from './content.js';
import { collector } from './finding.js';
import { checkHost } from './host.js';
import { checkPins } from './pins.js';
import { checkStreams } from './streams.js';

/** Every violation in a read artifact: E3520..E3523 (host program), E3550..E3560; empty where there is none. */
export function validateArtifact(artifact: Artifact): readonly Diagnostic[] {
  const { found, report } = collector();
  const { program, executables, manifest } = artifact;
  const code = checkCode(program, manifest.target, report);
  checkStreams(program, executables, code, report);
  checkPins(program, manifest.models, manifest.target, code, report);
  checkNames(artifact, report);
  checkConstants(artifact, report);
  checkDebug(artifact, code, report);
  checkHost(artifact, report);
  return found;
}
