# The life of a dataset, told to Flocker with Ruby's standard library alone.
#
#     ruby life.rb HOST DIRECTORY [NAME]
#
# HOST is the control service; DIRECTORY has cluster.crt, user.crt and user.key.

require "json"
require "net/http"

PATIENCE = 120 # seconds

# The control service at HOST.
class Control
  def initialize(host, directory)
    read = ->(file) { File.read(File.join(directory, file)) }
    @http = Net::HTTP.new(host, 4523)
    @http.use_ssl = true
    @http.verify_mode = OpenSSL::SSL::VERIFY_PEER
    @http.ca_file = File.join(directory, "cluster.crt")
    @http.cert = OpenSSL::X509::Certificate.new(read.call("user.crt"))
    @http.key = OpenSSL::PKey.read(read.call("user.key"))
    @http.start
  end

  # Give the answer's JSON; an error's description ends the program.
  def ask(method, path, body = nil)
    content = body && JSON.generate(body)
    headers = { "Content-Type" => "application/json" }
    response = @http.send_request(method, "/v1#{path}", content, headers)
    answer = JSON.parse(response.body)
    return answer if response.is_a?(Net::HTTPSuccess)

    abort "#{method} #{path}: #{response.code} #{answer['description']}"
  end

  # Wait until the dataset is in the phase on the node; say why it is not.
  def wait(dataset, phase, node)
    said = nil
    patience = now + PATIENCE
    while now < patience
      status = ask("GET", "/status/datasets/#{dataset}")
      return status if status["phase"] == phase && status["node"] == node

      words = status.dig("cause", "words")
      puts "waiting: #{status['phase']}, because #{words}" if words && words != said
      said = words || said
      sleep 0.5
    end
    abort "dataset #{dataset} is not #{phase} on node #{node}: #{said}"
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

host, directory, name = ARGV
name ||= "life-in-ruby"
$stdout.sync = true
control = Control.new(host, directory)
nodes = control.ask("GET", "/state/nodes")
nodes.each { |node| puts "node #{node['uuid']} #{node['host']}" }
first, last = nodes.values_at(0, -1).map { |node| node["uuid"] }

wish = { primary: first, maximum_size: 64 << 20, metadata: { name: name } }
dataset = control.ask("POST", "/configuration/datasets", wish)["dataset_id"]
puts "created #{dataset}"
puts "mounted #{control.wait(dataset, 'mounted', first)['path']}"

# Whoever uses it says so, and nobody takes it away meanwhile.
lease = { dataset_id: dataset, node_uuid: first, expires: 60, holder: name }
control.ask("POST", "/configuration/leases", lease)
control.ask("DELETE", "/configuration/leases/#{dataset}?holder=#{name}")

control.ask("POST", "/configuration/datasets/#{dataset}", { primary: last })
puts "moved #{control.wait(dataset, 'mounted', last)['path']}"

control.ask("DELETE", "/configuration/datasets/#{dataset}")
control.wait(dataset, "destroyed", last)
puts "destroyed #{dataset}"
