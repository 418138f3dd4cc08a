// Operators that run on the host. The runtime knows none: whoever loads an artifact passes a table of functions by name.
import type { HostOperator } from '../artifact/model.js';
import type { HostTensor } from '../base/tensor.js';

/** Values of an operator's outputs from those of its inputs, in order. */
export type HostFunction = (inputs: readonly HostTensor[], operator: HostOperator) => readonly HostTensor[];

export type HostOperatorTable = ReadonlyMap<string, HostFunction>;
