// The undo record of the search: entries overwritten in an array, to be restored in reverse order.
// One trail serves one array; marks are its lengths.

/** Old values of an array, in the order they were overwritten. */
export class Trail {
  length = 0;
  private index = new Int32Array(1024);
  private value = new Float64Array(1024);

  push(index: number, value: number): void {
    if (this.length === this.index.length) this.grow();
    this.index[this.length] = index;
    this.value[this.length++] = value;
  }

  /** Restores `target` to what it was when the trail had length `mark`. */
  unwind(mark: number, target: Float64Array): void {
    while (this.length > mark) {
      this.length--;
      target[this.index[this.length]!] = this.value[this.length]!;
    }
  }

  private grow(): void {
    const index = new Int32Array(this.length * 2);
    const value = new Float64Array(this.length * 2);
    index.set(this.index);
    value.set(this.value);
    this.index = index;
    this.value = value;
  }
}
