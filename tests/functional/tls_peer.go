// A client as a Go programmer writes it: ordinary verification of host and chain.
//
// Usage: tls_peer URL CLUSTER_CRT USER_CRT USER_KEY. Prints the answer, or the error
// after "refused: ".
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func ask(url, authority, certificate, key string) (string, error) {
	pem, err := os.ReadFile(authority)
	if err != nil {
		return "", err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pem) {
		return "", fmt.Errorf("%s holds no certificate", authority)
	}
	own, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return "", err
	}
	settings := &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{own}}
	client := &http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: settings},
	}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return string(answer), err
}

func main() {
	answer, err := ask(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		answer = fmt.Sprintf("refused: %v", err)
	}
	fmt.Println(answer)
}
