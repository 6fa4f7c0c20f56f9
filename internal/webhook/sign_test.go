package webhook

import (
	"net/http"
	"strings"
	"testing"
)

// The values are those of other tools: openssl dgst -sha1 -hmac, and RFC 2202's test cases.
func TestSignIsHMACSHA1(t *testing.T) {
	for _, tt := range []struct{ secret, body, want string }{
		{"key", "The quick brown fox jumps over the lazy dog", "sha1=de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"},
		{strings.Repeat("\x0b", 20), "Hi There", "sha1=b617318655057264e28bc0b6fb378c8ef146be00"},
		{"Jefe", "what do ya want for nothing?", "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{strings.Repeat("\xaa", 80), "Test Using Larger Than Block-Size Key - Hash Key First", "sha1=aa4ae5e15272d00e95705637ce8a3b55ed402112"},
	} {
		if got := Sign(tt.secret, []byte(tt.body)); got != tt.want {
			t.Errorf("Sign(%q, %q) = %s, want %s", tt.secret, tt.body, got, tt.want)
		}
	}
}

func TestSignatureHeaderHasOneForm(t *testing.T) {
	body := []byte(`{"topic":"ping"}`)
	right := Sign(secret, body)
	hexDigits := strings.TrimPrefix(right, "sha1=")
	for name, tt := range map[string]struct {
		values []string
		want   bool
	}{
		"as Intercom sends it": {[]string{right}, true},
		"upper-case digits":    {[]string{"sha1=" + strings.ToUpper(hexDigits)}, true},
		"none":                 {nil, false},
		"empty":                {[]string{""}, false},
		"twice the same":       {[]string{right, right}, false},
		"right and wrong":      {[]string{right, Sign("other", body)}, false},
		"wrong and right":      {[]string{Sign("other", body), right}, false},
		"two in one":           {[]string{right + ", " + right}, false},
		"no prefix":            {[]string{hexDigits}, false},
		"other prefix":         {[]string{"sha2=" + hexDigits}, false},
		"sha256":               {[]string{"sha256=" + hexDigits}, false},
		"upper-case prefix":    {[]string{"SHA1=" + hexDigits}, false},
		"prefix only":          {[]string{"sha1="}, false},
		"one digit less":       {[]string{right[:44]}, false},
		"one digit more":       {[]string{right + "0"}, false},
		"space before":         {[]string{" " + right}, false},
		"space after":          {[]string{right + " "}, false},
		"not hex":              {[]string{"sha1=" + strings.Repeat("g", 40)}, false},
		"all zero":             {[]string{"sha1=" + strings.Repeat("0", 40)}, false},
		"other secret":         {[]string{Sign("other", body)}, false},
		"empty secret":         {[]string{Sign("", body)}, false},
		"other body":           {[]string{Sign(secret, append([]byte(" "), body...))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			if tt.values != nil {
				h[SignatureHeader] = tt.values
			}
			sig, ok := readSignature(h)
			if got := ok && newVerifier([]string{secret}).verify(sig, body); got != tt.want {
				t.Errorf("accepted: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAnyOfSeveralSecretsVerifies(t *testing.T) {
	body := []byte("body")
	v := newVerifier([]string{"first", "second", "third", "second"})
	for range 3 { // a verifier is used again and again
		for _, s := range []string{"first", "second", "third"} {
			if sig, ok := parseSignature(Sign(s, body)); !ok || !v.verify(sig, body) {
				t.Errorf("signed with the %s secret it is refused", s)
			}
		}
		for _, s := range []string{"", "fourth", "firstsecond"} {
			if sig, ok := parseSignature(Sign(s, body)); !ok || v.verify(sig, body) {
				t.Errorf("signed with %q it is accepted", s)
			}
		}
	}
}

func FuzzSignatureHeader(f *testing.F) {
	body := []byte(`{"topic":"ping"}`)
	right := Sign(secret, body)
	for _, value := range []string{
		right, Sign(oldSecret, body), strings.ToUpper(right), "sha1=" + strings.ToUpper(right[5:]), right[5:], right[:44], right + "0",
		"", "sha1=", "sha1=" + strings.Repeat("0", 40), "sha1=" + strings.Repeat("é", 20), "sha256=" + right[5:], right + "\n", Sign("", body),
	} {
		f.Add(value, body)
	}
	f.Add(Sign(secret, nil), []byte(nil))
	secrets := []string{secret, oldSecret}
	v := newVerifier(secrets)
	f.Fuzz(func(t *testing.T, value string, body []byte) {
		want := false
		for _, s := range secrets {
			right := Sign(s, body)
			want = want || value == right || value == "sha1="+strings.ToUpper(right[5:]) ||
				(strings.HasPrefix(value, "sha1=") && strings.EqualFold(value, right))
			if sig, ok := parseSignature(right); !ok || !v.verify(sig, body) {
				t.Errorf("%q is refused for %q", right, body)
			}
		}
		sig, ok := parseSignature(value)
		if got := ok && v.verify(sig, body); got != want {
			t.Errorf("%q for %q accepted: %v, want %v", value, body, got, want)
		}
	})
}
