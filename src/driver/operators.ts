// Which operators are supported, from the tables that import and lower them: `neffc ops` prints what the compiler itself asks.
import { KERNELS } from '../backend/lower/kernels.js';
import { SUPPORTED } from '../frontend/onnx/table.js';
import { torchOperators } from '../frontend/torchscript/aten/table.js';
import { OPERATORS } from '../ops/table.js';

export const OPERATOR_LISTS = ['onnx', 'torchscript', 'graph'] as const;
export type OperatorList = (typeof OPERATOR_LISTS)[number];

export interface SupportedOperator {
  readonly operator: string;
  readonly domain: string;
  /** Versions of the operator set from which an importer of its own holds (ONNX). */
  readonly versions?: readonly number[];
  /** Its signatures (TorchScript). */
  readonly signatures?: readonly string[];
  /** `chip`: becomes operators that engines run; `host`: only the host runs it; `compile time`: gone before the program is made. */
  readonly runs: 'chip' | 'host' | 'compile time';
}

/** Operators of control flow and shape that no program contains: they are unrolled, folded or made into decoding loops. */
const COMPILE_TIME: ReadonlySet<string> = new Set(['if', 'loop', 'iota']);

function runsOf(op: string): SupportedOperator['runs'] {
  if (KERNELS[op] !== undefined) return 'chip';
  return COMPILE_TIME.has(op) ? 'compile time' : 'host';
}

function onnxOperators(): SupportedOperator[] {
  return [...SUPPORTED].flatMap(([domain, operators]) =>
    [...operators].map(([operator, handlers]): SupportedOperator => {
      const own = operator.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
      return {
        operator,
        domain: domain || 'ai.onnx',
        versions: [...handlers.keys()].sort((a, b) => a - b),
        runs: OPERATORS.has(own) ? runsOf(own) : 'chip',
      };
    }),
  );
}

function torchScriptOperators(): SupportedOperator[] {
  const byName = new Map<string, string[]>();
  for (const { name, signature } of torchOperators())
    byName.set(name, [...(byName.get(name) ?? []), signature]);
  return [...byName].map(([name, signatures]): SupportedOperator => {
    const [domain = '', operator = ''] = name.split('::');
    return { operator, domain, signatures, runs: 'chip' };
  });
}

/** The operators of a frontend, or of the graph that both become, sorted by name. */
export function supportedOperators(list: OperatorList): SupportedOperator[] {
  const all = {
    onnx: onnxOperators,
    torchscript: torchScriptOperators,
    graph: () =>
      [...OPERATORS.values()].map(
        (d): SupportedOperator => ({ operator: d.name, domain: d.family, runs: runsOf(d.name) }),
      ),
  }[list]();
  const key = (o: SupportedOperator) => `${o.domain} ${o.operator}`;
  return all.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
