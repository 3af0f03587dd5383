// The life of a dataset, told to Flocker with Go's standard library alone.
//
//	go run life.go HOST DIRECTORY [NAME]
//
// HOST is the control service; DIRECTORY has cluster.crt, user.crt and user.key.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const patience = 120 * time.Second

type object map[string]any

type node struct{ UUID, Host string }

type status struct {
	Phase string
	Node  *string
	Path  *string
	Cause *struct{ Words string }
}

// control is the control service at HOST.
type control struct {
	host string
	http http.Client
}

func connect(host, directory string) control {
	authority, err := os.ReadFile(filepath.Join(directory, "cluster.crt"))
	check(err)
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	own, err := tls.LoadX509KeyPair(
		filepath.Join(directory, "user.crt"), filepath.Join(directory, "user.key"))
	check(err)
	config := &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{own}}
	transport := &http.Transport{TLSClientConfig: config}
	return control{host, http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// ask reads the answer's JSON into answer; an error's description ends the program.
func (c control) ask(method, path string, body any, answer any) {
	content := new(bytes.Buffer)
	if body != nil {
		check(json.NewEncoder(content).Encode(body))
	}
	url := fmt.Sprintf("https://%s:4523/v1%s", c.host, path)
	request, err := http.NewRequest(method, url, content)
	check(err)
	response, err := c.http.Do(request)
	check(err)
	defer response.Body.Close()
	decoder := json.NewDecoder(response.Body)
	if response.StatusCode >= 300 {
		var refusal struct{ Description string }
		check(decoder.Decode(&refusal))
		log.Fatalf("%s %s: %s: %s", method, path, response.Status, refusal.Description)
	}
	check(decoder.Decode(answer))
}

// wait waits until the dataset is in the phase on the node; it says why it is not.
func (c control) wait(dataset, phase, node string) string {
	said := ""
	for end := time.Now().Add(patience); time.Now().Before(end); {
		var now status
		c.ask("GET", "/status/datasets/"+dataset, nil, &now)
		if now.Phase == phase && now.Node != nil && *now.Node == node {
			if now.Path == nil {
				return ""
			}
			return *now.Path
		}
		if now.Cause != nil && now.Cause.Words != said {
			said = now.Cause.Words
			fmt.Printf("waiting: %s, because %s\n", now.Phase, said)
		}
		time.Sleep(500 * time.Millisecond)
	}
	log.Fatalf("dataset %s is not %s on node %s: %s", dataset, phase, node, said)
	return ""
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: life HOST DIRECTORY [NAME]")
	}
	name := "life-in-go"
	if len(os.Args) > 3 {
		name = os.Args[3]
	}
	c := connect(os.Args[1], os.Args[2])
	var nodes []node
	c.ask("GET", "/state/nodes", nil, &nodes)
	for _, each := range nodes {
		fmt.Println("node", each.UUID, each.Host)
	}
	if len(nodes) == 0 {
		log.Fatal("no node is connected")
	}
	first, last := nodes[0].UUID, nodes[len(nodes)-1].UUID

	wish := object{"primary": first, "maximum_size": 64 << 20, "metadata": object{"name": name}}
	var made struct {
		DatasetID string `json:"dataset_id"`
	}
	c.ask("POST", "/configuration/datasets", wish, &made)
	dataset := made.DatasetID
	fmt.Println("created", dataset)
	fmt.Println("mounted", c.wait(dataset, "mounted", first))

	// Whoever uses it says so, and nobody takes it away meanwhile.
	lease := object{"dataset_id": dataset, "node_uuid": first, "expires": 60, "holder": name}
	var ignored object
	c.ask("POST", "/configuration/leases", lease, &ignored)
	c.ask("DELETE", "/configuration/leases/"+dataset+"?holder="+name, nil, &ignored)

	c.ask("POST", "/configuration/datasets/"+dataset, object{"primary": last}, &ignored)
	fmt.Println("moved", c.wait(dataset, "mounted", last))

	c.ask("DELETE", "/configuration/datasets/"+dataset, nil, &ignored)
	c.wait(dataset, "destroyed", last)
	fmt.Println("destroyed", dataset)
}
