/** Set a header of a request that is not made by fetch, when there is a value. */
export function setHeader(request: XMLHttpRequest, name: string, value: string | undefined): void {
  if (value) request.setRequestHeader(name, value);
}
