"use strict";
// Makes an Ed25519 key that cannot be taken out of this browser, and signs decisions with it.

const STORE = "keys";
const MOST_KEYS = 8;

function opened() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("proctor", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function within(mode, work) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const asked = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

function base64url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

async function idOf(publicKey) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", publicKey));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 16);
}

function tell(text) {
  const place = document.getElementById("trouble");
  place.textContent = text;
  place.hidden = false;
}

async function keptKeys(who) {
  const found = await within("readonly", (store) => store.get(who));
  return found ? [found].flat() : [];
}

async function makeKey(form) {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
  const publicKey = await crypto.subtle.exportKey("raw", pair.publicKey);
  const made = { privateKey: pair.privateKey, id: await idOf(publicKey) };
  // Beside those before it: this one is not registered yet, and may never be.
  const all = [...(await keptKeys(form.dataset.who)), made].slice(-MOST_KEYS);
  await within("readwrite", (store) => store.put(all, form.dataset.who));
  form.elements.public_key.value = base64url(publicKey);
}

async function sign(form) {
  const registered = form.dataset.keys.split(" ");
  const kept = (await keptKeys(form.dataset.who)).filter((one) => registered.includes(one.id)).pop();
  if (!kept) {
    throw new Error("This browser has no key of yours. Make one under Keys, or approve with the command.");
  }
  const signature = await crypto.subtle.sign({ name: "Ed25519" }, kept.privateKey, bytesOf(form.dataset.text));
  form.elements.signature.value = base64url(signature);
  form.elements.key_id.value = kept.id;
}

function prepare(form, work) {
  const button = document.getElementById("go");
  if (!window.isSecureContext || !crypto.subtle || !window.indexedDB) {
    tell("This browser can sign over HTTPS only. Open the page by https, or use the command.");
    return;
  }
  button.disabled = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    work(form).then(
      () => form.submit(),
      (error) => {
        const cannot = error.name === "NotSupportedError";
        tell(cannot ? "This browser cannot make Ed25519 signatures. Use a newer one, or the command." : error.message);
        button.disabled = false;
      },
    );
  });
}

const signing = document.getElementById("sign");
const making = document.getElementById("new-key");
if (signing) prepare(signing, sign);
if (making) prepare(making, makeKey);
