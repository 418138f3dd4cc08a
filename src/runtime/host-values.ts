// The host's tensors during one request, by name: the inputs as they were given, what was fetched from the device, what host
// operators made. Nothing here moves; places on the device are request.ts.
import type { Artifact, HostOperand } from '../artifact/model.js';
import type { InputPort, OutputPort } from '../artifact/signature.js';
import { badInput, type Diagnostic, usageError, warning } from '../base/diagnostic.js';
import { type HostTensor, makeTensor, readElement } from '../base/tensor.js';
import { requireFixed } from './fixed-inputs.js';
import { filledInput, finished, hasNonFinite, requireInput } from './host-tensors.js';

export class HostValues {
  readonly warnings: Diagnostic[] = [];
  private readonly values = new Map<string, HostTensor>();

  set(name: string, value: HostTensor): void {
    this.values.set(name, value);
  }

  /** @throws E3521 where nothing has given it */
  get(name: string): HostTensor {
    const value = this.values.get(name);
    if (value === undefined) throw badInput('E3521', `the host program uses ${name} before it has a value`);
    return value;
  }

  /**
   * Takes what a request gives; inputs left out are filled where the model says so.
   * @throws E2521 (unknown or missing inputs), E3541 (element type or shape)
   */
  takeInputs(ports: readonly InputPort[], given: ReadonlyMap<string, HostTensor>): void {
    const names = ports.map((p) => p.name);
    for (const name of given.keys()) {
      if (!names.includes(name))
        throw usageError('E2521', `the model has no input ${name}; it has ${names.join(', ')}`);
    }
    const dims = new Map<string, number>();
    for (const port of ports) {
      const value = given.get(port.name);
      if (value === undefined) continue;
      requireInput(port, value, dims);
      requireFixed(port, value);
      if (hasNonFinite(value)) {
        this.warnings.push(
          warning('W3543', `input ${port.name} has elements that are infinite or no numbers`),
        );
      }
      this.values.set(port.name, value);
    }
    for (const port of ports) {
      if (this.values.has(port.name) || port.fixed !== undefined) continue;
      if (port.fill === undefined)
        throw usageError('E2521', `input ${port.name} is missing`, {}, 'dump --signature shows the inputs');
      this.values.set(port.name, filledInput(port, port.fill, dims));
    }
  }

  /** The outputs in signature order, as the source gives them. */
  outputs(ports: readonly OutputPort[]): Map<string, HostTensor> {
    const word = (name: string): number => Number(readElement(this.get(name), 0));
    return new Map(ports.map((port) => [port.name, finished(port, this.get(port.name), word)]));
  }

  /** What a host operator takes: a host value, or a view of a constant. */
  operand(operand: HostOperand, { index, bytes }: Artifact['constants']): HostTensor {
    if ('value' in operand) return this.get(operand.value);
    const entry = index[operand.constant];
    if (entry === undefined)
      throw badInput('E3520', `a host operator takes constant ${operand.constant}, which does not exist`);
    return makeTensor(entry.dtype, entry.shape, bytes.subarray(entry.offset, entry.offset + entry.bytes));
  }
}
