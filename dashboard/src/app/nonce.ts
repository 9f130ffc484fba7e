/** The nonce of this document, under which libraries may insert a style element. */

/** Empty in the development server, which has no policy. */
export function documentNonce(): string {
  const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';
  return nonce.startsWith('__') ? '' : nonce;
}

/** For what Mantine inserts while a dialog is open: the package get-nonce takes it from this global. */
export function publishNonce(): void {
  Object.assign(globalThis, { __webpack_nonce__: documentNonce() });
}
