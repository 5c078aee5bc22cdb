//go:build tools

// Package tools names what is built here: h2spec, which tries a server of HTTP/2 against its RFCs.
package tools

import _ "github.com/summerwind/h2spec/cmd/h2spec"
