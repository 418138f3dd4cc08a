// Why a source is not recognised: one code for each property that can be missing, each with the option that supplies it.
// All are of exit code 4, since the files are valid; names that do not exist are usage errors.
import { type NeffcError, type Place, unsupported, usageError } from '../../base/diagnostic.js';

type Refusal = (message: string, where?: Place, hint?: string) => NeffcError;
const refusal =
  (code: string): Refusal =>
  (message, where, hint) =>
    unsupported(code, message, where, hint);

/** No input, or more than one, can be the tokens. */
export const tokensNotFound = refusal('E4201');
/** No output, or more than one, can be the scores of the next token. */
export const scoresNotFound = refusal('E4202');
/** Start token, end token or step limit are not known. */
export const generationUnknown = refusal('E4203');
/** More than one pairing of outputs and inputs fits. */
export const pairingAmbiguous = refusal('E4204');
/** An input of the decoder that nothing gives. */
export const inputUnbound = refusal('E4205');
/** A decoding loop whose body has another structure than the known one. */
export const loopNotUnderstood = refusal('E4206');
/** An output behind the loop that does not follow from the tokens. */
export const outputNotUnderstood = refusal('E4207');
/** The decoder cannot be built at a number of tokens that generation needs. */
export const lengthNotBuildable = refusal('E4208');
/** A generation setting that changes greedy output and is not built. */
export const settingNotBuilt = refusal('E4209');
/** A folder without the files that decoding needs. */
export const folderIncomplete = refusal('E4210');
/** Neither a loop nor tokens: nothing to decode. */
export const nothingToDecode = refusal('E4211');

/** A name on the command line that the model does not have. */
export function unknownName(
  option: string,
  name: string,
  names: readonly string[],
  file: string,
): NeffcError {
  return usageError(
    'E2210',
    `${option} names '${name}', which the model does not have`,
    { file },
    names.length === 0 ? 'There is none to choose.' : `It may be one of ${names.join(', ')}.`,
  );
}
