package webhook

import (
	"crypto/hmac"
	"crypto/sha1" // Intercom signs with HMAC-SHA1; in a MAC its weakness does not matter
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net/http"
	"sync"
)

const (
	// SignatureHeader is the header that carries the signature of a notification.
	SignatureHeader = "X-Hub-Signature"
	signaturePrefix = "sha1="
)

// Sign returns the value of X-Hub-Signature for body as Intercom makes it: "sha1=" and 40
// lower-case hex digits of the HMAC-SHA1 over the raw body, keyed with the client secret of
// the app (Intercom's page "Webhook models").
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(body)
	return signaturePrefix + hex.EncodeToString(mac.Sum(nil))
}

// signature is the value of an HMAC-SHA1.
type signature [sha1.Size]byte

// readSignature reads the one X-Hub-Signature header. It is refused when it is missing,
// there more than once (which one was meant?), or anything but "sha1=" and 40 hex digits.
// Upper-case digits are accepted although Intercom sends lower-case ones: they say the
// same 160 bits, and refusing them could only lose events.
func readSignature(h http.Header) (sig signature, ok bool) {
	values := h[SignatureHeader]
	if len(values) != 1 {
		return sig, false
	}
	return parseSignature(values[0])
}

func parseSignature(value string) (sig signature, ok bool) {
	if len(value) != len(signaturePrefix)+hex.EncodedLen(len(sig)) || value[:len(signaturePrefix)] != signaturePrefix {
		return sig, false
	}
	var digits [2 * sha1.Size]byte
	copy(digits[:], value[len(signaturePrefix):])
	_, err := hex.Decode(sig[:], digits[:])
	return sig, err == nil
}

// verifier checks signatures against several secrets, so that a secret can be replaced
// while notifications signed with the old one are still under way.
type verifier struct {
	macs sync.Pool // of *[]hash.Hash, one per secret, so that no request sets a key up anew
}

func newVerifier(secrets []string) *verifier {
	v := &verifier{}
	v.macs.New = func() any {
		macs := make([]hash.Hash, len(secrets))
		for i, secret := range secrets {
			macs[i] = hmac.New(sha1.New, []byte(secret))
		}
		return &macs
	}
	return v
}

// verify tells whether sig is the signature of body under one of the secrets. All of them
// are tried, so that the time it takes tells nothing about which one fits, or how nearly.
func (v *verifier) verify(sig signature, body []byte) bool {
	macs := v.macs.Get().(*[]hash.Hash)
	defer v.macs.Put(macs)
	match := 0
	for _, mac := range *macs {
		var sum signature
		mac.Reset()
		mac.Write(body)
		match |= subtle.ConstantTimeCompare(mac.Sum(sum[:0]), sig[:])
	}
	return match == 1
}
